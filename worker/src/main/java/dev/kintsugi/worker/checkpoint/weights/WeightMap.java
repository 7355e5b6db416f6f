package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.worker.failure.CallerException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Which safetensors files a directory's weights are in.
///
/// @param index the index file, or the one weights file
/// @param fileOf by tensor, from the index; empty without one
record WeightMap(Path index, List<Path> files, Map<String, Path> fileOf) {
    private static final JsonMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    static WeightMap read(Path dir) {
        if (!Files.isDirectory(dir)) {
            throw new CallerException("model_name=%s is not a directory; give one with config.json and model.safetensors".formatted(dir));
        }
        Path single = dir.resolve("model.safetensors");
        if (Files.exists(single)) { return new WeightMap(single, List.of(single), Map.of()); }
        Path index = dir.resolve("model.safetensors.index.json");
        if (Files.exists(index)) { return readIndex(dir, index); }
        throw new CallerException("model_name=%s has neither model.safetensors nor model.safetensors.index.json; %s".formatted(dir,
                Files.exists(dir.resolve("pytorch_model.bin")) ? "convert its pytorch_model.bin to safetensors first"
                        : "download the model's safetensors files"));
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
        return new WeightMap(index, fileOf.values().stream().distinct().sorted().toList(), fileOf);
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
