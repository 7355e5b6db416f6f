/// Adapters on a frozen model: [dev.kintsugi.sharding.adapter.LoraConfig] is PEFT's `adapter_config.json`,
/// [dev.kintsugi.sharding.adapter.AdaptedModel] says which parameters it makes of a model, and which of the model's stay frozen. Pure.
package dev.kintsugi.sharding.adapter;
