package dev.kintsugi.sharding.manifest;

import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.architecture.UnitSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/// Models of odd shapes, for arithmetic on rows. They compute nothing.
public final class RandomModels {
    private RandomModels() {}

    public static ModelSpec next(RandomGenerator random) {
        var units = new ArrayList<UnitSpec>();
        for (int u = 0; u < 1 + random.nextInt(3); u++) {
            var parameters = new ArrayList<ParameterSpec>();
            for (int p = 0; p < 1 + random.nextInt(4); p++) {
                List<Long> shape = random.nextBoolean()
                        ? List.of(random.nextLong(1, 40))
                        : List.of(random.nextLong(1, 40), random.nextLong(1, 6));
                parameters.add(new ParameterSpec("u%d.p%d".formatted(u, p), shape, new InitRule.Normal(0.02), true));
            }
            units.add(new UnitSpec("u" + u, UnitSpec.Kind.BLOCK, parameters));
        }
        return new ModelSpec(config(), units);
    }

    private static ModelConfig config() {
        return new LlamaConfig(8, 16, 1, 2, 2, 4, 11, 32, 1e-5, 1e4, new RopeScaling.None(), false, false, false, 0.02);
    }
}
