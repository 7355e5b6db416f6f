package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import dev.kintsugi.worker.memory.StepArena;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Gradient slots hold another unit's gradient when a unit begins its own, so the first contribution to each parameter must not add to it.
class BegunGradientTest {
    private static final int B = 2;
    private static final int T = 7;

    @ParameterizedTest
    @CsvSource({"false, F32", "true, F32", "false, BF16", "true, BF16"})
    void shouldNotSeeWhatTheBufferHeld(boolean tied, DType dtype) {
        var config = new LlamaConfig(24, 40, 2, 4, 2, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), tied, true, true, 0.05);
        try (Arena jobArena = Arena.ofConfined(); StepArena arena = StepArena.ofBytes(4 << 20)) {
            Kernels kernels = CpuKernels.open();
            var model = new MicroBatch(config, kernels, dtype, T, jobArena);
            model.initialise(11);
            int[] ids = new Random(12).ints(B * T, 0, config.vocabSize()).toArray();
            model.run(arena, ids, B, T, 0.1, ActivationCheckpointing.SELECTIVE);
            Map<String, double[]> expected = gradients(model);
            model.gradients.forEach(g -> g.fill((byte) 0x7f));
            model.forEachParameter(Parameter::beginGradient);
            model.run(arena, ids, B, T, 0.1, ActivationCheckpointing.SELECTIVE);
            gradients(model).forEach((name, actual) -> assertThat(actual).as(name).containsExactly(expected.get(name)));
        }
    }

    private static Map<String, double[]> gradients(MicroBatch model) {
        var gradients = new HashMap<String, double[]>();
        model.forEachParameter(p -> {
            var values = new double[(int) p.grad().numel()];
            for (int i = 0; i < values.length; i++) { values[i] = MicroBatch.get(p.grad(), i) + 0.0; }      // no -0
            gradients.put(p.name(), values);
        });
        return gradients;
    }
}
