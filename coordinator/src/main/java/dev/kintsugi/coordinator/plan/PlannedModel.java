package dev.kintsugi.coordinator.plan;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.adapter.JobAdapters;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanCodec;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;

/// The shard plan of an attempt, as the coordinator uses it and as ranks receive it. Pure: no data, only shapes.
///
/// @param modelConfigJson the config.json it was computed from, verbatim
public record PlannedModel(ModelPlan model, dev.kintsugi.proto.v1.ShardPlan message, String modelConfigJson) {
    /// @param spec says whether adapters are trained instead of the model
    /// @throws IllegalArgumentException if the config is not one that this version trains
    public static PlannedModel of(String modelConfigJson, JobSpec spec, Sharding sharding) {
        ModelSpec model = ModelSpec.of(ModelConfigParser.parse(modelConfigJson, "config.json"));
        ModelPlan plan = JobAdapters.of(spec, model.config().architecture()).map(lora -> ModelPlan.of(model, lora, sharding))
                .orElseGet(() -> ModelPlan.of(ShardPlanner.plan(model, sharding)));
        return new PlannedModel(plan, ShardPlanCodec.toProto(plan, modelConfigJson), modelConfigJson);
    }

    /// Of what is trained, and so of checkpoints.
    public ShardPlan plan() {
        return model.trainedPlan();
    }
}
