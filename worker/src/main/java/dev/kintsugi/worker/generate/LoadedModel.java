package dev.kintsugi.worker.generate;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.adapter.AdapterConfigs;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.safetensors.ShardConverter;
import dev.kintsugi.worker.checkpoint.weights.HuggingFaceWeights;
import dev.kintsugi.worker.checkpoint.weights.PeftWeights;
import dev.kintsugi.worker.data.Tokenizer;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.kernel.KernelFactory;
import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.model.DecoderInference;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// A model directory in the Hugging Face layout, in memory: config.json, tokenizer.json, weights as F32 or BF16.
final class LoadedModel implements AutoCloseable {
    private static final long ALIGNMENT = 64;

    private final Path directory;
    private final Arena arena = Arena.ofShared();
    private final Map<String, Tensor> weights = new HashMap<>();
    private final ModelConfig config;
    private final AdaptedModel adapted;             // null without adapters
    private final Tokenizer tokenizer;

    private LoadedModel(Path directory, ModelConfig config, AdaptedModel adapted, Tokenizer tokenizer) {
        this.directory = directory;
        this.config = config;
        this.adapted = adapted;
        this.tokenizer = tokenizer;
    }

    /// @throws CallerException one sentence that names the file at fault
    static LoadedModel open(Path directory, ComputeDtype dtype) {
        return open(directory, dtype, Optional.empty());
    }

    /// @param adapters a directory as PEFT saves them
    static LoadedModel open(Path directory, ComputeDtype dtype, Optional<Path> adapters) {
        checkDirectory(directory);
        ModelConfig config = config(directory.resolve("config.json"));
        AdaptedModel adapted = adapters.map(a -> adapted(config, a)).orElse(null);
        var model = new LoadedModel(directory, config, adapted, Tokenizer.open(directory));
        try {
            DType resolved = model.readWeights(ModelSpec.of(config), dtype);
            adapters.ifPresent(a -> model.readAdapters(a, resolved));
            return model;
        } catch (RuntimeException e) {
            model.close();
            throw e;
        }
    }

    private static void checkDirectory(Path directory) {
        if (!Files.isDirectory(directory)) {
            throw new CallerException("model=%s: no such directory; give one with config.json, tokenizer.json and model.safetensors"
                    .formatted(directory));
        }
        boolean checkpoint = Files.exists(directory.resolve("manifest.json")) || Files.isDirectory(directory.resolve("checkpoints"));
        if (checkpoint && !Files.exists(directory.resolve("config.json"))) {
            throw new CallerException("model=%s is a sharded checkpoint; join it first with kintsugi checkpoint export %s --output_dir DIR"
                    .formatted(directory, directory));
        }
    }

    private static ModelConfig config(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new CallerException("model config %s: no such file; give a directory with config.json, tokenizer.json and model.safetensors"
                    .formatted(file));
        }
        try {
            return ModelConfigParser.parse(Files.readString(file), file.toString());
        } catch (IllegalArgumentException e) {
            throw new CallerException(e.getMessage(), e);
        } catch (IOException e) {
            throw new WorldException("storage", "model config %s: cannot be read: %s".formatted(file, e.getMessage()), e);
        }
    }

    private DType readWeights(ModelSpec spec, ComputeDtype wanted) {
        try (HuggingFaceWeights source = HuggingFaceWeights.open(directory, spec)) {
            DType dtype = wanted.resolve(directory.resolve("config.json"), source.isBf16(spec));
            for (ParameterSpec p : spec.parameters()) {
                long[] shape = p.shape().stream().mapToLong(Long::longValue).toArray();
                var tensor = new Tensor(arena.allocate(p.numel() * dtype.bytes(), ALIGNMENT), dtype, shape);
                if (dtype == DType.BF16) {
                    source.readBf16(p, tensor.data());
                } else {
                    source.read(p, tensor.data(), 0);
                }
                weights.put(p.name(), tensor);
            }
            return dtype;
        }
    }

    private static AdaptedModel adapted(ModelConfig config, Path adapters) {
        Path file = adapters.resolve(AdapterConfigs.FILE);
        if (!Files.isRegularFile(file)) {
            throw new CallerException("%s: no such file; give a directory that PEFT or kintsugi checkpoint export has saved adapters to".formatted(file));
        }
        try {
            return AdaptedModel.of(ModelSpec.of(config), AdapterConfigs.parse(Files.readString(file), file.toString()));
        } catch (IllegalArgumentException e) {
            throw new CallerException(e.getMessage(), e);
        } catch (IOException e) {
            throw new WorldException("storage", "%s: cannot be read: %s".formatted(file, e.getMessage()), e);
        }
    }

    /// Modules that were trained as a whole take the place of the model's own.
    private void readAdapters(Path adapters, DType dtype) {
        var converter = new ShardConverter(dtype);
        try (PeftWeights source = PeftWeights.open(adapters, adapted.trained()); Arena scratch = Arena.ofConfined()) {
            for (ParameterSpec p : adapted.trained().parameters()) {
                MemorySegment raw = scratch.allocate(p.numel() * source.type(p).bytes(), ALIGNMENT);
                source.readRaw(p, 0, p.rows(), raw, 0);
                var tensor = new Tensor(arena.allocate(p.numel() * dtype.bytes(), ALIGNMENT), dtype, p.shape().stream().mapToLong(Long::longValue).toArray());
                converter.convert(source.type(p), raw, tensor.data());
                weights.put(p.name(), tensor);
            }
        }
    }

    Path directory() {
        return directory;
    }

    ModelConfig config() {
        return config;
    }

    Tokenizer tokenizer() {
        return tokenizer;
    }

    /// The caller closes it, before this.
    ///
    /// @param positions the longest sequence that will come
    DecoderInference inference(long positions) {
        return new DecoderInference(config, adapted, KernelFactory.open("cpu", 1), weights, positions);
    }

    /// @throws CallerException if the tokenizer gives ids that the model has no row for
    void checkIds(int... ids) {
        for (int id : ids) {
            if (id >= config.vocabSize()) {
                throw new CallerException("tokenizer %s gives token %d, but the model's vocab_size=%d; put the model's own tokenizer there"
                        .formatted(directory.resolve("tokenizer.json"), id, config.vocabSize()));
            }
        }
    }

    @Override
    public void close() {
        tokenizer.close();
        arena.close();
    }
}
