package dev.kintsugi.worker.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Four updates as torch.optim, transformers and, for 8 bits, NumPy make them: `src/test/python/optimizer_fixtures.py`.
class OptimizerConformanceTest {
    private static final int STEPS = 4;
    /// f32 rounds otherwise where torch has no fused operation or another order: a few units in the last place of what is added up.
    private static final double ROUNDING = 4e-7;

    static final Map<String, OptimizerSettings> CASES = Map.of("adamw_torch", new OptimizerSettings.AdamW(0.9, 0.95, 1e-8, 0.1),
            "sgd", new OptimizerSettings.Sgd(0, 0, false, 0.1), "sgd-momentum", new OptimizerSettings.Sgd(0.9, 0.1, false, 0.1),
            "sgd-nesterov", new OptimizerSettings.Sgd(0.9, 0, true, 0.1), "rmsprop", new OptimizerSettings.RmsProp(0.99, 1e-8, 0, false, 0.1),
            "rmsprop-all", new OptimizerSettings.RmsProp(0.9, 1e-3, 0.8, true, 0.1), "adafactor", new OptimizerSettings.Adafactor(0.1),
            "adamw_8bit", new OptimizerSettings.AdamW8Bit(0.9, 0.95, 1e-8, 0.1));

    static Stream<String> cases() {
        return CASES.keySet().stream().sorted();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void shouldUpdateAsTheReferenceDoes(String name) throws Exception {
        var trial = new OptimizerTrial(OptimizerTrial.FIXTURE, CASES.get(name), CpuKernels.open());
        Map<String, byte[]> actual = trial.run(Sharding.fullShard(1), Map.of(), 1, STEPS);
        try (var expected = SafetensorsFile.open(Path.of("src/test/resources/optimizers", name + ".safetensors"))) {
            assertThat(actual.keySet()).containsExactlyInAnyOrderElementsOf(expected.header().tensors().keySet());
            for (TensorEntry t : expected.header().tensors().values()) {
                byte[] wanted = bytes(expected, t);
                if (t.type() == ElementType.U8) {
                    assertThat(actual.get(t.name())).as(t.name()).isEqualTo(wanted);
                } else {
                    assertClose(actual.get(t.name()), wanted, t.name());
                }
            }
        }
    }

    private static void assertClose(byte[] actual, byte[] wanted, String name) {
        assertThat(actual).hasSameSizeAs(wanted);
        ByteBuffer a = ByteBuffer.wrap(actual).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer w = ByteBuffer.wrap(wanted).order(ByteOrder.LITTLE_ENDIAN);
        double largest = 0;
        for (int i = 0; i < wanted.length; i += Float.BYTES) { largest = Math.max(largest, Math.abs(w.getFloat(i))); }
        for (int i = 0; i < wanted.length; i += Float.BYTES) {
            assertThat((double) a.getFloat(i)).as("%s[%d]", name, i / Float.BYTES).isCloseTo(w.getFloat(i), within(ROUNDING * largest));
        }
    }

    private static byte[] bytes(SafetensorsFile file, TensorEntry t) {
        MemorySegment data = Arena.ofAuto().allocate(t.bytes(), Long.BYTES);
        file.read(t, 0, t.rows(), data, 0);
        return data.toArray(ValueLayout.JAVA_BYTE);
    }
}
