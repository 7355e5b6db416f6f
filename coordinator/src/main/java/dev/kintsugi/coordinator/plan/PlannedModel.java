package dev.kintsugi.coordinator.plan;

import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanCodec;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;

/// The shard plan of an attempt, as the coordinator uses it and as ranks receive it. Pure: no data, only shapes.
///
/// @param modelConfigJson the config.json it was computed from, verbatim
public record PlannedModel(ShardPlan plan, dev.kintsugi.proto.v1.ShardPlan message, String modelConfigJson) {
    /// @throws IllegalArgumentException if the config is not one that this version trains
    public static PlannedModel of(String modelConfigJson, Sharding sharding) {
        ShardPlan plan = ShardPlanner.plan(ModelSpec.of(ModelConfigParser.parse(modelConfigJson, "config.json")), sharding);
        return new PlannedModel(plan, ShardPlanCodec.toProto(plan, modelConfigJson), modelConfigJson);
    }
}
