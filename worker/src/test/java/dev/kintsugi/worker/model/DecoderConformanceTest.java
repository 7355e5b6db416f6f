package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.optimizer.RateShape;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.optim.LearningRateSchedule;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Parity with PyTorch and Transformers in fp32. Tolerances: logits are around 1 and go through some thirty fp32 roundings, so 1e-5;
/// gradients, relative to the largest of their tensor, 1e-4; losses of 50 AdamW steps 1e-4, rounding growing with each update.
class DecoderConformanceTest {
    private static final long ARENA_BYTES = 4 << 20;

    static Stream<Arguments> fixturesAndKernels() {
        List<Kernels> all = List.of(new ReferenceKernels(), CpuKernels.open());
        return Arrays.stream(Fixture.NAMES).flatMap(name -> all.stream().map(kernels -> Arguments.of(name, kernels)));
    }

    @ParameterizedTest
    @MethodSource("fixturesAndKernels")
    void shouldMatchLogits(String name, Kernels kernels) throws IOException {
        try (var fixture = new Fixture(name); Arena jobArena = Arena.ofConfined(); StepArena arena = StepArena.ofBytes(ARENA_BYTES)) {
            MicroBatch model = load(fixture, kernels, jobArena);
            Tensor logits = model.logits(arena, fixture.ids("input_ids"), fixture.dim("input_ids", 0), fixture.dim("input_ids", 1));
            assertThat(maxDifference(logits, fixture.values("logits"))).as(kernels.description()).isLessThan(1e-5);
        }
    }

    @ParameterizedTest
    @MethodSource("fixturesAndKernels")
    void shouldMatchEveryParametersGradient(String name, Kernels kernels) throws IOException {
        try (var fixture = new Fixture(name); Arena jobArena = Arena.ofConfined(); StepArena arena = StepArena.ofBytes(ARENA_BYTES)) {
            MicroBatch model = load(fixture, kernels, jobArena);
            long B = fixture.dim("input_ids", 0);
            long T = fixture.dim("input_ids", 1);
            model.run(arena, fixture.ids("input_ids"), B, T, 1.0 / (B * (T - 1)), ActivationCheckpointing.FULL);
            model.forEachParameter(p -> {
                float[] expected = fixture.values("gradient." + p.name());
                double largest = 0;
                for (float g : expected) { largest = Math.max(largest, Math.abs(g)); }
                assertThat(largest).as(p.name()).isPositive();
                assertThat(maxDifference(p.grad(), expected)).as("%s, %s", p.name(), kernels.description()).isLessThan(1e-4 * largest);
            });
        }
    }

    @ParameterizedTest
    @MethodSource("fixturesAndKernels")
    void shouldMatchFiftyAdamWSteps(String name, Kernels kernels) throws IOException {
        try (var fixture = new Fixture(name); Arena jobArena = Arena.ofConfined(); StepArena arena = StepArena.ofBytes(ARENA_BYTES)) {
            MicroBatch model = load(fixture, kernels, jobArena);
            JsonNode training = fixture.training;
            JsonNode steps = training.get("steps");
            var schedule = new LearningRateSchedule(RateShape.of("cosine", "", 1), training.get("peak_learning_rate").asDouble(),
                    training.get("warmup_steps").asInt(), steps.size());
            var rank = new OneRank(model, new OptimizerSettings.AdamW(training.get("beta1").asDouble(), training.get("beta2").asDouble(),
                    training.get("epsilon").asDouble(), training.get("weight_decay").asDouble()), training.get("max_grad_norm").asDouble(), jobArena);
            assertThat(steps.size()).isEqualTo(50);
            for (int k = 0; k < steps.size(); k++) {
                JsonNode expected = steps.get(k);
                int[][] ids = microbatches(fixture, k, training.get("micro_batches").asInt());
                OneRank.Result result = rank.step(arena, ids, fixture.dim("training_ids", 1), fixture.dim("training_ids", 2), schedule.at(k));
                assertThat(schedule.at(k)).as("learning rate of step %d", k).isCloseTo(expected.get("learning_rate").asDouble(), within(1e-12));
                assertThat(result.loss()).as("loss of step %d", k).isCloseTo(expected.get("loss").asDouble(), within(1e-4));
                assertThat(result.gradNorm()).as("norm of step %d", k).isCloseTo(expected.get("grad_norm").asDouble(), within(1e-3));
            }
        }
    }

    private static MicroBatch load(Fixture fixture, Kernels kernels, Arena arena) {
        var model = new MicroBatch(fixture.config, kernels, DType.F32, fixture.dim("input_ids", 1), arena);
        fixture.loadWeights(model);
        return model;
    }

    /// Those that step k takes from the pool, in turn.
    private static int[][] microbatches(Fixture fixture, int step, int count) {
        int pool = (int) fixture.dim("training_ids", 0);
        int size = (int) (fixture.dim("training_ids", 1) * fixture.dim("training_ids", 2));
        int[] all = fixture.ids("training_ids");
        var taken = new int[count][];
        for (int m = 0; m < count; m++) {
            int from = (step * count + m) % pool * size;
            taken[m] = Arrays.copyOfRange(all, from, from + size);
        }
        return taken;
    }

    private static double maxDifference(Tensor actual, float[] expected) {
        assertThat(actual.numel()).isEqualTo(expected.length);
        double max = 0;
        for (int i = 0; i < expected.length; i++) { max = Math.max(max, Math.abs(MicroBatch.get(actual, i) - expected[i])); }
        return max;
    }
}
