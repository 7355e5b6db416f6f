package dev.kintsugi.sharding.adapter;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.Architecture;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/// The adapters that a job asks for.
public final class JobAdapters {
    private static final int R = 16;
    private static final double ALPHA = 32;
    private static final double DROPOUT = 0.05;
    private static final String LIST = "[A-Za-z0-9_.]+([,\\s]+[A-Za-z0-9_.]+)+";

    private JobAdapters() {}

    /// Empty where the whole model is trained.
    ///
    /// @throws IllegalArgumentException one sentence that names the field at fault
    public static Optional<LoraConfig> of(JobSpec spec, Architecture architecture) {
        if (!spec.getUsePeft()) { return Optional.empty(); }
        return Optional.of(new LoraConfig(spec.hasLoraR() ? spec.getLoraR() : R, spec.hasLoraAlpha() ? spec.getLoraAlpha() : ALPHA,
                spec.hasLoraDropout() ? spec.getLoraDropout() : DROPOUT, targets(spec.getLoraTargetModules(), architecture), spec.getUseRslora(),
                names(spec.getLoraModulesToSave())));
    }

    private static TargetModules targets(String given, Architecture architecture) {
        if (given.isBlank()) { return AdaptedModel.defaultTargets(architecture); }
        return given.strip().matches(LIST) ? new TargetModules.Names(names(given)) : TargetModules.of(given.strip());
    }

    private static List<String> names(String given) {
        return Arrays.stream(given.strip().split("[,\\s]+")).filter(n -> !n.isEmpty()).toList();
    }

    /// A job with the fields that give these adapters.
    public static JobSpec.Builder put(LoraConfig lora, JobSpec.Builder spec) {
        return spec.setUsePeft(true).setLoraR(lora.r()).setLoraAlpha(lora.alpha()).setLoraDropout(lora.dropout()).setUseRslora(lora.rankStabilised())
                .setLoraTargetModules(text(lora.targets())).setLoraModulesToSave(String.join(",", lora.modulesToSave()));
    }

    private static String text(TargetModules targets) {
        return switch (targets) {
            case TargetModules.AllLinear _ -> TargetModules.ALL_LINEAR;
            case TargetModules.Names n -> n.names().stream().collect(Collectors.joining(","));
            case TargetModules.Regex r -> r.pattern().pattern();
        };
    }
}
