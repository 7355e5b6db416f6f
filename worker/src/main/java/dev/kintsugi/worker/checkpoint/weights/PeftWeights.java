package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.failure.CallerException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// What PEFT saves beside `adapter_config.json`: `adapter_model.safetensors`, in which a parameter of ours has [#PREFIX] before its name.
public final class PeftWeights implements WeightSource {
    public static final String FILE = "adapter_model.safetensors";
    /// PEFT's name of the model that it wraps.
    public static final String PREFIX = "base_model.model.";

    private final SafetensorsFile file;
    private final Map<String, TensorEntry> tensors;

    private PeftWeights(SafetensorsFile file) {
        this.file = file;
        this.tensors = file.header().tensors();
    }

    /// @param trained what the adapters' config makes of the model
    /// @throws CallerException one sentence, if the file has not just what is trained, in its shapes
    public static PeftWeights open(Path directory, ModelSpec trained) {
        Path path = directory.resolve(FILE);
        if (!Files.isRegularFile(path)) { throw new CallerException("%s: no such file; give a directory that PEFT has saved adapters to".formatted(path)); }
        var weights = new PeftWeights(SafetensorsFile.open(path));
        try {
            weights.check(trained.parameters());
            return weights;
        } catch (RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    private void check(List<ParameterSpec> parameters) {
        for (ParameterSpec p : parameters) {
            TensorEntry t = tensors.get(PREFIX + p.name());
            if (t == null) {
                throw new CallerException("%s: the adapters have no tensor '%s'; they are of another model".formatted(file.path(), PREFIX + p.name()));
            }
            if (!t.shape().equals(p.shape())) {
                throw new CallerException("%s: tensor '%s' has shape %s and the model wants %s; the adapters are of another model".formatted(file.path(),
                        t.name(), t.shape(), p.shape()));
            }
            if (!t.type().isReadable()) {
                throw new CallerException("%s: tensor '%s' has dtype %s; save the adapters as F32, BF16 or F16".formatted(file.path(), t.name(), t.type()));
            }
        }
        if (tensors.size() > parameters.size()) { throw tooMany(parameters); }
    }

    private CallerException tooMany(List<ParameterSpec> parameters) {
        List<String> known = parameters.stream().map(p -> PREFIX + p.name()).toList();
        String first = tensors.keySet().stream().filter(n -> !known.contains(n)).sorted().findFirst().orElseThrow();
        return new CallerException("%s: tensor '%s' has no place in this model%s".formatted(file.path(), first,
                AdaptedModel.isAdapter(first) ? "; the adapters are of another model" : "; adapters of other kinds than LoRA are not read"));
    }

    private TensorEntry entry(ParameterSpec p) {
        return tensors.get(PREFIX + p.name());
    }

    @Override
    public ElementType type(ParameterSpec p) {
        return entry(p).type();
    }

    @Override
    public void readRaw(ParameterSpec p, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        StoredTensor.whole(file, entry(p)).readRaw(firstRow, rows, into, offsetBytes);
    }

    @Override
    public String identity() {
        return "%s %s".formatted(file.path().getFileName(), file.header());
    }

    @Override
    public void close() {
        file.close();
    }
}
