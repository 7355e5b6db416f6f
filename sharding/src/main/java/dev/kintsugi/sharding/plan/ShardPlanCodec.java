package dev.kintsugi.sharding.plan;

import dev.kintsugi.proto.v1.DType;
import dev.kintsugi.proto.v1.PlannedParameter;
import dev.kintsugi.proto.v1.PlannedUnit;
import dev.kintsugi.sharding.adapter.AdapterConfigs;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// The shard plan on the wire. The coordinator sends what it computed; a rank computes the plan again from the config inside and
/// refuses one that differs, so two builds that would lay tensors out differently never train together. Pure.
public final class ShardPlanCodec {
    private static final String SOURCE = "config.json of the shard plan";

    private ShardPlanCodec() {}

    /// @param modelConfigJson the Hugging Face config.json that the plan's model came from, verbatim
    public static dev.kintsugi.proto.v1.ShardPlan toProto(ModelPlan plan, String modelConfigJson) {
        Sharding sharding = plan.sharding();
        var message = dev.kintsugi.proto.v1.ShardPlan.newBuilder().setWorldSize(sharding.worldSize())
                .setStrategy(sharding.strategy()).setShardWorldSize(sharding.shardWorldSize()).setModelConfigJson(modelConfigJson);
        plan.lora().ifPresent(lora -> message.setAdapterConfigJson(AdapterConfigs.toJson(lora, "")));
        plan.trainedPlan().units().forEach(unit -> message.addUnits(toProto(unit, DType.DTYPE_F32)));
        plan.frozen().ifPresent(base -> base.plan().units().forEach(unit -> message.addBaseUnits(toProto(unit, DType.DTYPE_UNSPECIFIED))));
        return message.setDigest(digest(message.build())).build();
    }

    /// The plan that `message` describes, recomputed from its config.
    ///
    /// @throws IllegalArgumentException if config or strategy are not valid, or the recomputed plan differs from the message
    public static ModelPlan fromProto(dev.kintsugi.proto.v1.ShardPlan message) {
        String json = message.getModelConfigJson();
        var sharding = new Sharding(message.getStrategy(), message.getWorldSize(), message.getShardWorldSize());
        ModelSpec model = ModelSpec.of(ModelConfigParser.parse(json, SOURCE));
        String adapters = message.getAdapterConfigJson();
        ModelPlan plan = adapters.isEmpty() ? ModelPlan.of(ShardPlanner.plan(model, sharding))
                : ModelPlan.of(model, AdapterConfigs.parse(adapters, AdapterConfigs.FILE + " of the shard plan"), sharding);
        dev.kintsugi.proto.v1.ShardPlan recomputed = toProto(plan, json);
        if (!recomputed.equals(message)) { throw differs(message, recomputed); }
        return plan;
    }

    private static PlannedUnit toProto(UnitPlan unit, DType dtype) {
        var message = PlannedUnit.newBuilder().setName(unit.name()).setUnshardedNumel(unit.unshardedNumel());
        unit.parameters().forEach(p -> message.addParameters(toProto(p, dtype)));
        return message.build();
    }

    private static PlannedParameter toProto(ParameterPlan plan, DType dtype) {
        ParameterSpec spec = plan.spec();
        return PlannedParameter.newBuilder().setName(spec.name()).addAllShape(spec.shape()).setDtype(dtype)
                .setRowsPerRank(plan.rowsPerRank()).setUnshardedOffset(plan.unshardedOffset()).build();
    }

    // Plans have no map fields, so Protobuf writes equal plans as equal bytes.
    private static String digest(dev.kintsugi.proto.v1.ShardPlan withoutDigest) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(withoutDigest.toByteArray()));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }

    private static IllegalArgumentException differs(dev.kintsugi.proto.v1.ShardPlan theirs, dev.kintsugi.proto.v1.ShardPlan ours) {
        return new IllegalArgumentException(("shard plan differs at %s: digest=%s, recomputed=%s; "
                + "run the same version of Kintsugi on the coordinator and on every host")
                .formatted(firstDifference(theirs, ours), theirs.getDigest(), ours.getDigest()));
    }

    private static String firstDifference(dev.kintsugi.proto.v1.ShardPlan theirs, dev.kintsugi.proto.v1.ShardPlan ours) {
        if (theirs.getUnitsCount() != ours.getUnitsCount()) { return "units=" + theirs.getUnitsCount(); }
        for (int u = 0; u < ours.getUnitsCount(); u++) {
            if (!theirs.getUnits(u).equals(ours.getUnits(u))) { return firstDifference(theirs.getUnits(u), ours.getUnits(u)); }
        }
        return "the digest";
    }

    private static String firstDifference(PlannedUnit theirs, PlannedUnit ours) {
        for (int p = 0; p < Math.min(theirs.getParametersCount(), ours.getParametersCount()); p++) {
            if (!theirs.getParameters(p).equals(ours.getParameters(p))) {
                return "parameter " + theirs.getParameters(p).getName();
            }
        }
        return "unit " + theirs.getName();
    }
}
