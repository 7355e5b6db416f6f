package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Models of a few units with shapes that do not divide; some parameters have fewer rows than there are ranks.
final class RandomModel {
    private RandomModel() {}

    static ModelSpec of(Random random) {
        var units = new ArrayList<UnitSpec>();
        int count = 1 + random.nextInt(3);
        for (int u = 0; u < count; u++) {
            units.add(new UnitSpec("unit." + u, UnitSpec.Kind.BLOCK, parameters(random, u)));
        }
        return new ModelSpec(null, units);
    }

    private static List<ParameterSpec> parameters(Random random, int unit) {
        var parameters = new ArrayList<ParameterSpec>();
        int count = 1 + random.nextInt(6);
        for (int p = 0; p < count; p++) {
            long rows = 1 + random.nextInt(random.nextBoolean() ? 4 : 130);
            long columns = 1 + random.nextInt(90);
            List<Long> shape = random.nextInt(3) == 0 ? List.of(rows) : List.of(rows, columns);
            parameters.add(new ParameterSpec("unit." + unit + ".p" + p, shape, new InitRule.Constant(0), true));
        }
        return parameters;
    }
}
