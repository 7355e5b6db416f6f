package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Which safetensors files a directory's weights are in.
///
/// @param index the index file, the one weights file, or the directory of shard files
/// @param files to open
/// @param fileOf by tensor, from the index; empty without one
/// @param sharded whether tensors are cut over the files, which PyTorch's `HuggingFaceStorageWriter` with `save_distributed` leaves, and Kintsugi's
///     checkpoints
record WeightMap(Path index, List<Path> files, Map<String, Path> fileOf, boolean sharded) {
    private static final Pattern SHARD = Pattern.compile("shard-\\d+-.*\\.safetensors");
    private static final JsonMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    static WeightMap read(Path dir) {
        Path single = dir.resolve("model.safetensors");
        if (Files.exists(single)) { return new WeightMap(single, List.of(single), Map.of(), false); }
        Path index = dir.resolve("model.safetensors.index.json");
        if (Files.exists(index)) { return readIndex(dir, index); }
        List<Path> shards = shards(dir);
        if (!shards.isEmpty()) { return new WeightMap(dir, shards, Map.of(), true); }
        Path pickle = PickledWeights.find(dir);
        if (pickle != null) { throw new CallerException("model_name=%s: %s".formatted(dir, PickledWeights.refusal(pickle))); }
        throw new CallerException(Files.isDirectory(dir)
                ? "model_name=%s has neither model.safetensors nor model.safetensors.index.json; download the model's safetensors files".formatted(dir)
                : "model_name=%s is not a directory; give one with config.json and model.safetensors".formatted(dir));
    }

    private static List<Path> shards(Path dir) {
        if (!Files.isDirectory(dir)) { return List.of(); }
        try (Stream<Path> files = Files.list(dir)) {
            return files.filter(f -> SHARD.matcher(f.getFileName().toString()).matches()).sorted().toList();
        } catch (IOException e) {
            throw new CallerException("model_name=%s cannot be listed (%s); check its permissions".formatted(dir, e.getMessage()), e);
        }
    }

    private static WeightMap readIndex(Path dir, Path index) {
        JsonNode map;
        try {
            map = JSON.readTree(index.toFile()).path("weight_map");
        } catch (JacksonException e) {
            throw new CallerException("%s is not valid JSON (%s); download or copy the file again"
                    .formatted(index, e.getOriginalMessage()), e);
        }
        if (!map.isObject() || map.isEmpty()) {
            throw new CallerException("%s has no \"weight_map\"; download or copy the file again".formatted(index));
        }
        var fileOf = new TreeMap<String, Path>();
        for (Map.Entry<String, JsonNode> e : map.properties()) {
            fileOf.put(e.getKey(), dir.resolve(fileName(e.getValue(), e.getKey(), index)));
        }
        return new WeightMap(index, fileOf.values().stream().distinct().sorted().toList(), fileOf, false);
    }

    /// A plain name only: an index must not lead out of its directory.
    private static String fileName(JsonNode node, String tensor, Path index) {
        String name = node.asString("");
        if (!name.endsWith(".safetensors") || name.contains("/") || name.contains("\\") || name.contains("\0")) {
            throw new CallerException(("%s: weight_map['%s']=%s is not the name of a safetensors file beside it; "
                    + "download or copy the file again").formatted(index, tensor, node));
        }
        return name;
    }
}
