/// Meta models: from a Hugging Face `config.json` to parameter names, shapes and units, without any data. Flow:
/// [dev.kintsugi.sharding.architecture.LlamaConfigParser] to [dev.kintsugi.sharding.architecture.LlamaModelSpec] to
/// [dev.kintsugi.sharding.architecture.ModelSpec].
package dev.kintsugi.sharding.architecture;
