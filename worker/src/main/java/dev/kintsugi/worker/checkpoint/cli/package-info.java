/// `kintsugi checkpoint inspect|verify|export`: thin commands over `worker.checkpoint`. Start with [CheckpointCommand].
package dev.kintsugi.worker.checkpoint.cli;
