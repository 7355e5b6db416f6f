package dev.kintsugi.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.export.Exports;
import dev.kintsugi.worker.checkpoint.weights.HuggingFaceWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Models that Transformers wrote: read, sharded, saved, exported, and still the same bits.
class RealModelTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"mha", "gqa", "llama3-rope", "linear-biases", "tied", "qwen2", "qwen2-tied", "qwen3", "qwen3-tied-biases", "mistral"})
    void shouldKeepEveryBitFromModelThroughCheckpointToExport(String fixture) throws Exception {
        Path original = Path.of("src/test/resources/fixtures").resolve(fixture);
        Path exported = directory.resolve("exported");
        Exports.export(FixtureCheckpoint.save(original, directory, 3, 1), null, exported, 1 << 30);
        ModelSpec model = ModelSpec
                .of(ModelConfigParser.parse(Files.readString(exported.resolve("config.json")), "config.json"));
        try (var before = HuggingFaceWeights.open(original, model); var after = HuggingFaceWeights.open(exported, model);
                Arena arena = Arena.ofConfined()) {
            assertThat(before.unexpected()).isEmpty();
            for (ParameterSpec p : model.parameters()) {
                MemorySegment a = arena.allocate(p.numel() * Float.BYTES);
                MemorySegment b = arena.allocate(p.numel() * Float.BYTES);
                before.read(p, a, 0);
                after.read(p, b, 0);
                assertThat(a.mismatch(b)).as(p.name()).isEqualTo(-1);
            }
        }
    }
}
