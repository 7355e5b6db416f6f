/// Meta models: from a Hugging Face `config.json` to parameter names, shapes and units, without any data. Flow:
/// [dev.kintsugi.sharding.architecture.ModelConfigParser] to [dev.kintsugi.sharding.architecture.ModelConfig] to
/// [dev.kintsugi.sharding.architecture.ModelSpec]. [dev.kintsugi.sharding.architecture.Architecture] lists what there is.
package dev.kintsugi.sharding.architecture;
