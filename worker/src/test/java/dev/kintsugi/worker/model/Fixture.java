package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.memory.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What PyTorch and Transformers computed for one tiny model: see `src/test/python/make_fixtures.py`.
final class Fixture implements AutoCloseable {
    static final String[] NAMES = {"mha", "gqa", "llama3-rope", "tied", "linear-biases", "qwen2", "qwen2-tied", "qwen3",
            "qwen3-tied-biases", "mistral", "qwen2-window", "gpt-neox", "gpt-neox-sequential"};

    final Path directory;
    final ModelConfig config;
    final SafetensorsFile weights;
    final SafetensorsFile reference;
    final JsonNode training;

    Fixture(String name) throws IOException {
        this.directory = Path.of("src/test/resources/fixtures", name);
        Path configFile = directory.resolve("config.json");
        this.config = ModelConfigParser.parse(Files.readString(configFile), configFile.toString());
        this.weights = SafetensorsFile.open(directory.resolve("model.safetensors"));
        this.reference = SafetensorsFile.open(directory.resolve("reference.safetensors"));
        this.training = JsonMapper.shared().readTree(Files.readString(directory.resolve("training.json")));
    }

    /// Rows of `input_ids` or `training_ids`, all in one.
    int[] ids(String name) {
        return data(reference, name).toArray(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
    }

    float[] values(String name) {
        return values(reference, name);
    }

    static float[] values(SafetensorsFile file, String name) {
        return data(file, name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
    }

    private static MemorySegment data(SafetensorsFile file, String name) {
        TensorEntry t = file.tensor(name);
        MemorySegment data = Arena.ofAuto().allocate(Math.max(1, t.bytes()), Long.BYTES).asSlice(0, t.bytes());
        file.read(t, 0, t.rows(), data, 0);
        return data;
    }

    long dim(String name, int i) {
        return reference.tensor(name).shape().get(i);
    }

    void loadWeights(MicroBatch model) {
        model.forEachParameter(p -> {
            Tensor t = p.data();
            weights.readF32(p.name(), 0, t.dim(0), t.data(), 0);
        });
    }

    @Override
    public void close() {
        weights.close();
        reference.close();
    }
}
