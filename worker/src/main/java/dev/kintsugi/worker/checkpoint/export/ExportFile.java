package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter.Planned;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// One safetensors file of an export.
///
/// @param parameters in the model's order
record ExportFile(String name, List<SavedParameter> parameters) {
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /// Fills files in the model's order, each up to `maxBytes` of tensors.
    static List<ExportFile> plan(List<SavedParameter> parameters, long maxBytes) {
        var groups = new ArrayList<List<SavedParameter>>();
        long bytes = 0;
        for (SavedParameter p : parameters) {
            if (groups.isEmpty() || bytes + bytes(p) > maxBytes) {
                groups.add(new ArrayList<>());
                bytes = 0;
            }
            groups.getLast().add(p);
            bytes += bytes(p);
        }
        var files = new ArrayList<ExportFile>();
        for (List<SavedParameter> group : groups) {
            files.add(new ExportFile(groups.size() == 1 ? "model.safetensors"
                    : "model-%05d-of-%05d.safetensors".formatted(files.size() + 1, groups.size()), group));
        }
        return files;
    }

    private static long bytes(SavedParameter p) {
        return p.numel() * Float.BYTES;
    }

    /// Of tensors, without the header.
    long bytes() {
        return parameters.stream().mapToLong(ExportFile::bytes).sum();
    }

    void write(Path directory, SavedTensors tensors) throws IOException {
        List<Planned> planned = parameters.stream().map(p -> new Planned(p.name(), p.shape())).toList();
        try (var writer = SafetensorsWriter.create(directory.resolve(name), planned, Map.of("format", "pt"))) {
            for (SavedParameter p : parameters) {
                tensors.stream(p, writer::write);
            }
            writer.finish();
        }
    }

    /// Reads the file back and compares it with the shards, byte for byte.
    void compare(Path directory, SavedTensors tensors) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve(name))) {
            for (SavedParameter p : parameters) {
                MemorySegment data = file.data(p.name());
                var offset = new AtomicLong();
                tensors.stream(p, block -> {
                    if (data.asSlice(offset.getAndAdd(block.byteSize()), block.byteSize()).mismatch(block) >= 0) {
                        throw new WorldException("storage", "%s: tensor '%s' reads back other than it was written; check the disk and export again"
                                .formatted(file.path(), p.name()));
                    }
                });
            }
        }
    }

    static String indexJson(List<ExportFile> files) {
        ObjectNode root = JSON.createObjectNode();
        root.putObject("metadata")
                .put("total_parameters", files.stream().flatMap(f -> f.parameters.stream()).mapToLong(SavedParameter::numel).sum())
                .put("total_size", files.stream().mapToLong(ExportFile::bytes).sum());
        var fileOf = new TreeMap<String, String>();
        files.forEach(f -> f.parameters.forEach(p -> fileOf.put(p.name(), f.name)));
        ObjectNode map = root.putObject("weight_map");
        fileOf.forEach(map::put);
        return JSON.writeValueAsString(root) + "\n";
    }
}
