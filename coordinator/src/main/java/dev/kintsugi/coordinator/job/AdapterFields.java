package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.adapter.AdapterConfigs;
import dev.kintsugi.sharding.adapter.JobAdapters;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import java.nio.file.Path;
import java.util.Optional;

/// What a job says of adapters, checked against its model.
///
/// @param spec with every field of theirs filled in
/// @param trained what the job trains: the model, or the adapters
record AdapterFields(JobSpec spec, ModelSpec trained) {
    /// @throws InvalidJobException one sentence naming the flag and what to do
    static AdapterFields of(JobSpec given, ModelSpec model) {
        check(given);
        if (!given.getUsePeft() && given.getAdapterName().isEmpty()) {
            return new AdapterFields(given.toBuilder().setUsePeft(false).build(), model);
        }
        try {
            LoraConfig lora = given.getAdapterName().isEmpty() ? JobAdapters.of(given, model.config().architecture()).orElseThrow()
                    : saved(given.getAdapterName());
            return new AdapterFields(JobAdapters.put(lora, given.toBuilder()).build(), AdaptedModel.of(model, lora).trained());
        } catch (IllegalArgumentException e) {
            throw e instanceof InvalidJobException ? e : new InvalidJobException(e.getMessage());
        }
    }

    private static LoraConfig saved(String adapterName) {
        SharedPath.fileOrIn("--adapter_name", adapterName, "adapter_model.safetensors");
        Path config = SharedPath.fileOrIn("--adapter_name", adapterName, AdapterConfigs.FILE);
        return AdapterConfigs.parse(SharedPath.readText("--adapter_name", config), config.toString());
    }

    private static void check(JobSpec spec) {
        Optional<String> shape = Optional.ofNullable(shapeField(spec));
        boolean saved = !spec.getAdapterName().isEmpty();
        require(shape.isEmpty() || spec.getUsePeft(), "--%s is for adapters, which are not asked for; pass --use_peft True too, or leave it out",
                shape.orElse(""));
        require(shape.isEmpty() || !saved, "--%s is part of what --adapter_name=%s was made with; leave it out", shape.orElse(""), spec.getAdapterName());
        require(!saved || !spec.hasUsePeft() || spec.getUsePeft(), "--adapter_name=%s is for training adapters; leave out --use_peft False",
                spec.getAdapterName());
        require(!spec.getUsePeft() && !saved || !spec.getModelName().isEmpty(),
                "--use_peft trains adapters of a model, and none is given; pass --model_name");
    }

    /// A field that says what adapters look like, or null.
    private static String shapeField(JobSpec spec) {
        if (spec.hasLoraR()) { return "lora_r"; }
        if (spec.hasLoraAlpha()) { return "lora_alpha"; }
        if (spec.hasLoraDropout()) { return "lora_dropout"; }
        if (spec.hasUseRslora()) { return "use_rslora"; }
        if (!spec.getLoraTargetModules().isEmpty()) { return "lora_target_modules"; }
        return spec.getLoraModulesToSave().isEmpty() ? null : "lora_modules_to_save";
    }
}
