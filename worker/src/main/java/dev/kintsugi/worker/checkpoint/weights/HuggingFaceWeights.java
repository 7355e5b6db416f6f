package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.Sha256;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.failure.CallerException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Weights of a directory in the Hugging Face layout: `model.safetensors`, or `model.safetensors.index.json` and the files it lists, or the shard
/// files that PyTorch's `HuggingFaceStorageWriter` leaves.
///
/// Opening reads headers only, and checks that every parameter of the model is there in its shape before anything starts.
public final class HuggingFaceWeights implements WeightSource {
    private static final int NAMED_MOST = 4;
    /// What old versions of Transformers saved beside the weights: rotary frequencies, and GPT-NeoX's causal masks.
    private static final List<String> TABLES = List.of(".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias");

    private final Path dir;
    private final ModelSpec model;
    private final List<SafetensorsFile> files = new ArrayList<>();
    private final Map<String, StoredTensor> tensors = new HashMap<>();
    private final List<String> notes = new ArrayList<>();
    private List<String> unexpected = List.of();

    private HuggingFaceWeights(Path dir, ModelSpec model) {
        this.dir = dir;
        this.model = model;
    }

    /// @throws CallerException one sentence that names the file and tensor at fault
    public static HuggingFaceWeights open(Path dir, ModelSpec model) {
        var weights = new HuggingFaceWeights(dir, model);
        try {
            weights.locate(WeightMap.read(dir));
            weights.tie();
            weights.check();
            weights.lookForUnexpected();
            return weights;
        } catch (RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    private void locate(WeightMap map) {
        var byPath = new HashMap<Path, SafetensorsFile>();
        for (Path path : map.files()) {
            SafetensorsFile file = SafetensorsFile.open(path);
            files.add(file);
            byPath.put(path, file);
        }
        if (map.sharded()) {
            locateShards();
        } else {
            for (SafetensorsFile f : files) { f.header().tensors().forEach((name, t) -> tensors.putIfAbsent(name, StoredTensor.whole(f, t))); }
            map.fileOf().forEach((tensor, path) -> tensors.put(tensor, indexed(tensor, byPath.get(path), map.index())));
        }
    }

    private void locateShards() {
        var pieces = new HashMap<String, List<StoredTensor.Piece>>();
        for (SafetensorsFile f : files) {
            if (f.header().tensors().isEmpty()) { continue; }
            ShardingInfo info = ShardingInfo.of(f);
            for (TensorEntry t : f.header().tensors().values()) { pieces.computeIfAbsent(t.name(), _ -> new ArrayList<>()).add(info.place(t)); }
        }
        pieces.forEach((name, found) -> tensors.put(name, StoredTensor.assemble(name, found)));
    }

    /// An index is believed only where its file agrees.
    private static StoredTensor indexed(String tensor, SafetensorsFile file, Path index) {
        TensorEntry t = file.header().tensors().get(tensor);
        if (t == null) {
            throw new CallerException("%s says that tensor '%s' is in %s, but it is not; download or copy both files again"
                    .formatted(index, tensor, file.path()));
        }
        return StoredTensor.whole(file, t);
    }

    /// Of a tied pair, files have one or both, and some writers keep the head.
    private void tie() {
        String embedding = model.config().embeddingName();
        String head = model.config().headName();
        if (!model.config().tieWordEmbeddings() || !tensors.containsKey(head)) { return; }
        boolean both = tensors.containsKey(embedding);
        if (!both) { tensors.put(embedding, tensors.get(head)); }
        notes.add("tied weights (\"tie_word_embeddings\": true): %s is read, for both, from %s".formatted(both ? embedding : head,
                tensors.get(embedding).place()));
        tensors.remove(head);
    }

    private void check() {
        List<ParameterSpec> missing = model.parameters().stream().filter(p -> !tensors.containsKey(p.name())).toList();
        if (!missing.isEmpty()) { throw new CallerException(missing(missing)); }
        for (ParameterSpec p : model.parameters()) { check(p, tensors.get(p.name())); }
    }

    private static void check(ParameterSpec p, StoredTensor t) {
        if (!t.shape().equals(p.shape())) {
            throw new CallerException(("%s: tensor '%s' has shape %s but config.json makes it %s; "
                    + "use the config.json that belongs to the weights").formatted(t.place(), t.name(), t.shape(), p.shape()));
        }
        if (!t.type().isReadable()) {
            throw new CallerException("%s: tensor '%s' has dtype %s; convert the weights to F32, BF16 or F16".formatted(t.place(), t.name(), t.type()));
        }
    }

    private String missing(List<ParameterSpec> missing) {
        String first = missing.stream().limit(NAMED_MOST).map(p -> "'%s' of shape %s".formatted(p.name(), p.shape())).collect(Collectors.joining(", "));
        if (missing.size() == 1) {
            return "%s: the weights have no tensor %s; %s".formatted(dir, first, missing.getFirst().name().equals(model.config().headName())
                    ? "set \"tie_word_embeddings\": true in config.json if the model ties them"
                    : "use the weights and config.json of the same model");
        }
        return "%s: the weights lack %d of the model's %d tensors: %s%s; use the weights and config.json of the same model".formatted(dir,
                missing.size(), model.parameters().size(), first, missing.size() > NAMED_MOST ? " and others" : "");
    }

    private void lookForUnexpected() {
        Set<String> expected = model.parameters().stream().map(ParameterSpec::name).collect(Collectors.toSet());
        var names = new TreeSet<>(tensors.keySet());
        names.removeIf(name -> expected.contains(name) || TABLES.stream().anyMatch(name::endsWith));
        unexpected = List.copyOf(names);
        if (names.isEmpty()) { return; }
        notes.add("%d tensor(s) of the files have no place in this model and are not read: %s%s".formatted(names.size(),
                names.stream().limit(NAMED_MOST).collect(Collectors.joining(", ")), names.size() > NAMED_MOST ? " and others" : ""));
    }

    /// Tensors in the files that the model has no place for; they are not read. A tied `lm_head.weight` and the rotary tables that old
    /// exports carry are not among them.
    public List<String> unexpected() {
        return unexpected;
    }

    /// What people should know of these weights, a sentence each.
    public List<String> notes() {
        return List.copyOf(notes);
    }

    @Override
    public ElementType type(ParameterSpec p) {
        return tensors.get(p.name()).type();
    }

    @Override
    public String identity() {
        var sha256 = Sha256.newDigest();
        for (SafetensorsFile f : files) { sha256.update((f.path().getFileName() + " " + f.header() + "\n").getBytes(StandardCharsets.UTF_8)); }
        return HexFormat.of().formatHex(sha256.digest());
    }

    @Override
    public void readRaw(ParameterSpec p, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        tensors.get(p.name()).readRaw(firstRow, rows, into, offsetBytes);
    }

    /// Writes all `p.numel()` elements, row-major, to `f32` at `offsetBytes`.
    public void read(ParameterSpec p, MemorySegment f32, long offsetBytes) {
        tensors.get(p.name()).readF32(f32, offsetBytes);
    }

    /// Writes all `p.numel()` elements, row-major, as bf16 to the start of `bf16`.
    public void readBf16(ParameterSpec p, MemorySegment bf16) {
        tensors.get(p.name()).readBf16(bf16);
    }

    /// Whether all of the model's weights are bf16 in the files.
    public boolean isBf16(ModelSpec model) {
        return model.parameters().stream().allMatch(p -> type(p) == ElementType.BF16);
    }

    @Override
    public void close() {
        files.forEach(SafetensorsFile::close);
        files.clear();
    }
}
