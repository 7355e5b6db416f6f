/// From a checkpoint to a directory that any Hugging Face tool loads: safetensors files (with an index when there are several),
/// `config.json`, `generation_config.json` and the tokenizer. Start with [CheckpointExport].
package dev.kintsugi.worker.checkpoint.export;
