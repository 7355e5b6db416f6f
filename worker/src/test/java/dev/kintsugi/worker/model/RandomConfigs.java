package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.Architecture;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.RopeScaling;
import java.util.Random;

/// Small models with every option somewhere.
final class RandomConfigs {
    private RandomConfigs() {}

    static ModelConfig next(Random random) {
        int G = 1 + random.nextInt(3);
        int H = G * (1 + random.nextInt(3));
        int D = 2 * (1 + random.nextInt(4));
        RopeScaling scaling = switch (random.nextInt(3)) {
            case 0 -> new RopeScaling.None();
            case 1 -> new RopeScaling.Linear(2);
            default -> new RopeScaling.Llama3(4, 1, 4, 8);
        };
        return new LlamaConfig(Architecture.LLAMA, 3 + random.nextInt(20), 3 + random.nextInt(30), 1 + random.nextInt(3), H, G, D,
                5 + random.nextInt(60), 64, 1e-5, 100, scaling, random.nextBoolean(), random.nextBoolean(), random.nextBoolean(),
                random.nextBoolean(), random.nextBoolean(),
                random.nextBoolean() ? ModelConfig.NO_WINDOW : 1 + random.nextInt(12), 0.02);
    }
}
