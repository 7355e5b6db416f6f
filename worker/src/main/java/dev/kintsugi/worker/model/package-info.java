/// Models, written once against the tape: [Decoder] is the architecture, in training and in inference; [DecoderInference] runs it
/// over a full set of weights with a key/value cache. Open [Decoder] first.
package dev.kintsugi.worker.model;
