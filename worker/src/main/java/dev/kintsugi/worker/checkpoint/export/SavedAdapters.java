package dev.kintsugi.worker.checkpoint.export;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.adapter.AdapterConfigs;
import dev.kintsugi.sharding.adapter.JobAdapters;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.worker.failure.CallerException;
import java.util.Optional;

/// The adapters that a checkpoint holds, and the model that they are for.
///
/// @param baseModel the job's model_name
public record SavedAdapters(LoraConfig lora, ModelSpec model, String baseModel) {
    /// Empty where a checkpoint holds a whole model.
    public static Optional<SavedAdapters> of(Manifest manifest) {
        JobSpec job = job(manifest);
        ModelConfig config = ModelConfigParser.parse(manifest.modelConfigJson(), "config.json of the checkpoint");
        return JobAdapters.of(job, config.architecture()).map(lora -> new SavedAdapters(lora, ModelSpec.of(config), job.getModelName()));
    }

    private static JobSpec job(Manifest manifest) {
        try {
            var job = JobSpec.newBuilder();
            JsonFormat.parser().ignoringUnknownFields().merge(manifest.jobConfigJson(), job);
            return job.build();
        } catch (InvalidProtocolBufferException e) {
            throw new CallerException("field job of the checkpoint's manifest is not a job (%s); use another checkpoint".formatted(e.getMessage()), e);
        }
    }

    /// PEFT's `adapter_config.json`.
    String configJson() {
        return AdapterConfigs.toJson(lora, baseModel);
    }
}
