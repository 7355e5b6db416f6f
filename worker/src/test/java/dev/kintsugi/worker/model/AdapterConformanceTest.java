package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.adapter.AdapterConfigs;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.weights.PeftWeights;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Parity with PEFT in fp32, on adapters that PEFT has saved: see `src/test/python/lora_fixtures.py`. Tolerances as of [DecoderConformanceTest].
class AdapterConformanceTest {
    private static final long ARENA_BYTES = 4 << 20;

    static Stream<Arguments> casesAndKernels() {
        List<Kernels> all = List.of(new ReferenceKernels(), CpuKernels.open());
        return Stream.of("gqa", "mha", "gpt-neox").flatMap(name -> all.stream().map(kernels -> Arguments.of(name, kernels)));
    }

    @ParameterizedTest
    @MethodSource("casesAndKernels")
    void shouldMatchLogitsAndGradients(String name, Kernels kernels) throws IOException {
        Path directory = Path.of("src/test/resources/lora", name);
        try (var fixture = new Fixture(name); var reference = SafetensorsFile.open(directory.resolve("reference.safetensors"));
                Arena jobArena = Arena.ofConfined(); StepArena arena = StepArena.ofBytes(ARENA_BYTES)) {
            LoraConfig lora = AdapterConfigs.parse(Files.readString(directory.resolve(AdapterConfigs.FILE)), name);
            ModelPlan plan = ModelPlan.of(ModelSpec.of(fixture.config), lora, Sharding.fullShard(1));
            long B = fixture.dim("input_ids", 0);
            long T = fixture.dim("input_ids", 1);
            int[] ids = fixture.ids("input_ids");
            var model = new MicroBatch(plan, kernels, DType.F32, T, jobArena);
            load(model, fixture, directory);

            assertThat(maxDifference(model.logits(arena, ids, B, T), values(reference, "logits"))).isLessThan(1e-5);
            arena.release(0);
            for (var checkpointing : ActivationCheckpointing.values()) {
                model.zeroGradients();
                double loss = model.run(arena, ids, B, T, 1.0 / (B * (T - 1)), checkpointing);
                assertThat(loss / (B * (T - 1)) - values(reference, "loss")[0]).isBetween(-1e-5, 1e-5);
                model.forEachParameter(p -> {
                    float[] expected = values(reference, "gradient." + PeftWeights.PREFIX + p.name());
                    double largest = 0;
                    for (float g : expected) { largest = Math.max(largest, Math.abs(g)); }
                    assertThat(largest).as(p.name()).isPositive();
                    assertThat(maxDifference(p.grad(), expected)).as("%s, %s, %s", p.name(), kernels.description(), checkpointing).isLessThan(1e-4 * largest);
                });
            }
        }
    }

    /// C4: without a second model.
    @ParameterizedTest
    @MethodSource("casesAndKernels")
    void shouldEqualTheBaseToTheBitWithAdaptersOff(String name, Kernels kernels) throws IOException {
        try (var fixture = new Fixture(name); Arena jobArena = Arena.ofConfined(); StepArena arena = StepArena.ofBytes(ARENA_BYTES)) {
            Path directory = Path.of("src/test/resources/lora", name);
            LoraConfig lora = AdapterConfigs.parse(Files.readString(directory.resolve(AdapterConfigs.FILE)), name);
            if (!lora.modulesToSave().isEmpty()) { return; }        // which have replaced the base's
            long B = fixture.dim("input_ids", 0);
            long T = fixture.dim("input_ids", 1);
            var base = new MicroBatch(fixture.config, kernels, DType.F32, T, jobArena);
            fixture.loadWeights(base);
            var adapted = new MicroBatch(ModelPlan.of(ModelSpec.of(fixture.config), lora, Sharding.fullShard(1)), kernels, DType.F32, T, jobArena);
            load(adapted, fixture, directory);
            Tensor expected = base.logits(arena, fixture.ids("input_ids"), B, T);
            Tensor on = adapted.logits(arena, fixture.ids("input_ids"), B, T);
            assertThat(expected.data().mismatch(on.data())).isNotEqualTo(-1);
            adapted.units.forEach(unit -> unit.useAdapters(false));
            Tensor off = adapted.logits(arena, fixture.ids("input_ids"), B, T);
            assertThat(expected.data().mismatch(off.data())).isEqualTo(-1);
        }
    }

    private static void load(MicroBatch model, Fixture fixture, Path directory) {
        model.forEachParameter(model.model.frozen().orElseThrow(), p -> fixture.weights.readF32(p.name(), 0, p.data().dim(0), p.data().data(), 0));
        try (PeftWeights adapters = PeftWeights.open(directory, model.plan.model())) {
            model.plan.model().parameters().forEach(spec -> {
                assertThat(adapters.type(spec)).isEqualTo(ElementType.F32);
                model.forEachParameter(p -> {
                    if (p.name().equals(spec.name())) { adapters.readRaw(spec, 0, spec.rows(), p.data().data(), 0); }
                });
            });
        }
    }

    private static float[] values(SafetensorsFile file, String name) {
        return Fixture.values(file, name);
    }

    private static double maxDifference(Tensor actual, float[] expected) {
        assertThat(actual.numel()).isEqualTo(expected.length);
        double max = 0;
        for (int i = 0; i < expected.length; i++) { max = Math.max(max, Math.abs(MicroBatch.get(actual, i) - expected[i])); }
        return max;
    }
}
