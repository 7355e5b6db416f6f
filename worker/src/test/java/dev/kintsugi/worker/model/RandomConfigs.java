package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.sharding.architecture.Architecture;
import dev.kintsugi.sharding.architecture.GptNeoXConfig;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.RopeScaling;
import java.util.Random;

/// Small models with every option somewhere.
final class RandomConfigs {
    private RandomConfigs() {}

    /// Of any architecture.
    static ModelConfig next(Random random) {
        return random.nextInt(3) == 0 ? neox(random) : llama(random);
    }

    private static ModelConfig neox(Random random) {
        int D = 2 * (1 + random.nextInt(4));
        int H = 1 + random.nextInt(4);
        return new GptNeoXConfig(H * D, 3 + random.nextInt(30), 1 + random.nextInt(3), H, 5 + random.nextInt(60), 64, 1e-5, 2 * (1 + random.nextInt(D / 2)),
                100, new RopeScaling.None(), random.nextBoolean(), random.nextBoolean(), random.nextBoolean(),
                random.nextBoolean() ? Activation.GELU : Activation.GELU_TANH, 0.02);
    }

    private static ModelConfig llama(Random random) {
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
