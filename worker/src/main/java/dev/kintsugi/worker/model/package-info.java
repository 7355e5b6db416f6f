/// Models, written once against the tape: [Llama] is the architecture, in training and in inference; [LlamaInference] runs it
/// over a full set of weights with a key/value cache. Open [Llama] first.
package dev.kintsugi.worker.model;
