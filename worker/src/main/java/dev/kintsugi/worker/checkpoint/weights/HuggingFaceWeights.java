package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.failure.CallerException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Weights of a directory in the Hugging Face layout: `model.safetensors`, or `model.safetensors.index.json` and the files it lists.
///
/// Opening reads headers only, and checks that every parameter of the model is there in its shape before anything starts.
public final class HuggingFaceWeights implements WeightSource {
    private final Map<Path, SafetensorsFile> files = new HashMap<>();
    private final Map<String, SafetensorsFile> fileOf = new HashMap<>();
    private List<String> unexpected = List.of();

    private HuggingFaceWeights() {}

    /// @throws CallerException one sentence that names the file and tensor at fault
    public static HuggingFaceWeights open(Path dir, ModelSpec model) {
        var weights = new HuggingFaceWeights();
        try {
            WeightMap map = WeightMap.read(dir);
            map.files().forEach(weights::openFile);
            map.fileOf().forEach((tensor, file) -> weights.locate(tensor, file, map.index()));
            model.parameters().forEach(p -> weights.check(p, dir));
            weights.unexpected = weights.unexpected(model);
            return weights;
        } catch (RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    private void openFile(Path path) {
        SafetensorsFile file = SafetensorsFile.open(path);
        files.put(path, file);
        file.header().tensors().keySet().forEach(tensor -> fileOf.putIfAbsent(tensor, file));
    }

    /// An index is believed only where its file agrees.
    private void locate(String tensor, Path path, Path index) {
        SafetensorsFile file = files.get(path);
        if (!file.header().tensors().containsKey(tensor)) {
            throw new CallerException("%s says that tensor '%s' is in %s, but it is not; download or copy both files again"
                    .formatted(index, tensor, path));
        }
        fileOf.put(tensor, file);
    }

    private void check(ParameterSpec p, Path dir) {
        SafetensorsFile file = fileOf.get(p.name());
        if (file == null) { throw new CallerException(missing(p, dir)); }
        TensorEntry t = file.tensor(p.name());
        if (!t.shape().equals(p.shape())) {
            throw new CallerException(("%s: tensor '%s' has shape %s but config.json makes it %s; "
                    + "use the config.json that belongs to the weights").formatted(file.path(), p.name(), t.shape(), p.shape()));
        }
        if (!t.type().isReadable()) {
            throw new CallerException("%s: tensor '%s' has dtype %s; convert the weights to F32, BF16 or F16".formatted(file.path(),
                    p.name(), t.type()));
        }
    }

    private static String missing(ParameterSpec p, Path dir) {
        String remedy = p.name().equals("lm_head.weight") ? "set \"tie_word_embeddings\": true in config.json if the model ties them"
                : "use the weights and config.json of the same model";
        return "%s: the weights have no tensor '%s' of shape %s; %s".formatted(dir, p.name(), p.shape(), remedy);
    }

    private List<String> unexpected(ModelSpec model) {
        var names = new TreeSet<String>(fileOf.keySet());
        Set<String> expected = new HashSet<>();
        model.parameters().forEach(p -> expected.add(p.name()));
        if (model.config().tieWordEmbeddings()) { expected.add("lm_head.weight"); }
        names.removeIf(name -> expected.contains(name) || name.endsWith(".rotary_emb.inv_freq"));
        return List.copyOf(names);
    }

    /// Tensors in the files that the model has no place for; they are not read. A tied `lm_head.weight` and the rotary tables that old
    /// exports carry are not among them.
    public List<String> unexpected() {
        return unexpected;
    }

    @Override
    public void read(ParameterSpec p, MemorySegment f32, long offsetBytes) {
        fileOf.get(p.name()).readF32(p.name(), 0, p.rows(), f32, offsetBytes);
    }

    /// Writes all `p.numel()` elements, row-major, as bf16 to the start of `bf16`.
    public void readBf16(ParameterSpec p, MemorySegment bf16) {
        fileOf.get(p.name()).readBf16(p.name(), 0, p.rows(), bf16, 0);
    }

    /// Whether all of the model's weights are bf16 in the files.
    public boolean isBf16(ModelSpec model) {
        return model.parameters().stream().allMatch(p -> fileOf.get(p.name()).tensor(p.name()).type() == ElementType.BF16);
    }

    @Override
    public void close() {
        new ArrayList<>(files.values()).forEach(SafetensorsFile::close);
        files.clear();
    }
}
