package dev.kintsugi.sharding.adapter;

import dev.kintsugi.sharding.architecture.Architecture;
import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/// A model and its adapters as two sets of parameters, in units of the same names: what is trained, and what is frozen. A unit with nothing of a set is
/// not in it.
///
/// The adapters of a linear layer `q_proj` are `q_proj.lora_A.weight (r, K)`, which begins as a linear layer of PyTorch does, and
/// `q_proj.lora_B.weight (O, r)`, which begins with zeros.
///
/// @param lora what made it
/// @param trained adapters, and whole modules that are trained beside them
/// @param frozen everything else of the model
public record AdaptedModel(LoraConfig lora, ModelSpec trained, ModelSpec frozen) {
    public static final String A = ".lora_A.weight";
    public static final String B = ".lora_B.weight";
    private static final String WEIGHT = ".weight";

    /// @throws IllegalArgumentException if a target or module to save names nothing of the model
    public static AdaptedModel of(ModelSpec model, LoraConfig lora) {
        var trained = new ArrayList<UnitSpec>();
        var frozen = new ArrayList<UnitSpec>();
        int adapters = 0;
        for (UnitSpec unit : model.units()) {
            var mine = new ArrayList<ParameterSpec>();
            var rest = new ArrayList<ParameterSpec>();
            for (ParameterSpec p : unit.parameters()) {
                if (TargetModules.endsWithAny(module(p), lora.modulesToSave())) {
                    mine.add(p);
                    continue;
                }
                rest.add(p);
                if (isLinear(unit, p) && lora.targets().matches(module(p))) {
                    mine.addAll(adapter(p, lora));
                    adapters++;
                }
            }
            if (!mine.isEmpty()) { trained.add(new UnitSpec(unit.name(), unit.kind(), mine)); }
            if (!rest.isEmpty()) { frozen.add(new UnitSpec(unit.name(), unit.kind(), rest)); }
        }
        if (adapters == 0) { throw new IllegalArgumentException(nothingMatches(model)); }
        checkSaved(model, lora);
        return new AdaptedModel(lora, new ModelSpec(model.config(), trained), new ModelSpec(model.config(), frozen));
    }

    private static void checkSaved(ModelSpec model, LoraConfig lora) {
        for (String name : lora.modulesToSave()) {
            if (model.parameters().stream().noneMatch(p -> TargetModules.endsWithAny(module(p), List.of(name)))) {
                throw new IllegalArgumentException("lora_modules_to_save=%s is no module of this model; name one such as %s".formatted(name,
                        module(model.units().getLast().parameters().getLast())));
            }
        }
    }

    private static String nothingMatches(ModelSpec model) {
        String layers = model.units().stream().filter(u -> u.kind() == UnitSpec.Kind.BLOCK).findFirst().orElseThrow().parameters().stream()
                .filter(p -> p.shape().size() == 2).map(p -> module(p).substring(module(p).lastIndexOf('.') + 1)).collect(Collectors.joining(", "));
        return "lora_target_modules match no linear layer of this model; give all-linear, or of its blocks' layers: " + layers;
    }

    /// The layers of blocks; the head is computed in chunks with the loss and can be trained as a whole only.
    private static boolean isLinear(UnitSpec unit, ParameterSpec p) {
        return unit.kind() == UnitSpec.Kind.BLOCK && p.shape().size() == 2;
    }

    private static List<ParameterSpec> adapter(ParameterSpec w, LoraConfig lora) {
        long r = lora.r();
        var a = new ParameterSpec(module(w) + A, List.of(r, w.rowNumel()), new InitRule.Uniform(1 / Math.sqrt(w.rowNumel())), true);
        var b = new ParameterSpec(module(w) + B, List.of(w.rows(), r), new InitRule.Constant(0), true);
        return List.of(a, b);
    }

    /// The name of the module that a parameter belongs to.
    public static String module(ParameterSpec p) {
        return p.name().substring(0, p.name().lastIndexOf('.'));
    }

    /// Whether a parameter is half of an adapter.
    public static boolean isAdapter(String parameter) {
        return parameter.endsWith(A) || parameter.endsWith(B);
    }

    /// What PEFT gives adapters to when it is not told: `query_key_value` for GPT-NeoX, queries and values for Llama and its relatives.
    public static TargetModules defaultTargets(Architecture architecture) {
        return switch (architecture) {
            case GPT_NEOX -> new TargetModules.Names(List.of("query_key_value"));
            default -> new TargetModules.Names(List.of("q_proj", "v_proj"));
        };
    }

    /// The adapted layer's weight that an adapter belongs to.
    public static String weightOf(String adapter) {
        return adapter.substring(0, adapter.length() - A.length()) + WEIGHT;
    }
}
