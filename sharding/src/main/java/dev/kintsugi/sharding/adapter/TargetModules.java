package dev.kintsugi.sharding.adapter;

import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// Which linear layers have adapters, told as PEFT is told.
public sealed interface TargetModules {
    /// As people write "all" on the command line and in `adapter_config.json`.
    String ALL_LINEAR = "all-linear";

    /// Every linear layer but the head.
    record AllLinear() implements TargetModules {
        @Override
        public boolean matches(String module) {
            return true;
        }
    }

    /// Layers of these names, or whose names end with a dot and one of them.
    record Names(List<String> names) implements TargetModules {
        public Names {
            names = List.copyOf(names);
            if (names.isEmpty()) { throw new IllegalArgumentException("lora_target_modules is empty; name layers such as q_proj, or all-linear"); }
        }

        @Override
        public boolean matches(String module) {
            return endsWithAny(module, names);
        }
    }

    /// Layers whose whole names match a regular expression.
    record Regex(Pattern pattern) implements TargetModules {
        @Override
        public boolean matches(String module) {
            return pattern.matcher(module).matches();
        }
    }

    /// @param module the full name of a linear layer: `model.layers.3.self_attn.q_proj`
    boolean matches(String module);

    /// Of a single string: `all-linear`, a name, or a regular expression, which is what holds any character that names do not.
    ///
    /// @throws IllegalArgumentException if it is neither a name nor a regular expression
    static TargetModules of(String given) {
        if (given.equals(ALL_LINEAR)) { return new AllLinear(); }
        if (given.matches("[A-Za-z0-9_.]+")) { return new Names(List.of(given)); }
        try {
            return new Regex(Pattern.compile(given));
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("lora_target_modules=%s is no regular expression (%s)".formatted(given, e.getDescription()), e);
        }
    }

    /// Whether a module is one of `names`, or ends with a dot and one of them.
    static boolean endsWithAny(String module, List<String> names) {
        return names.stream().anyMatch(n -> module.equals(n) || module.endsWith("." + n));
    }
}
