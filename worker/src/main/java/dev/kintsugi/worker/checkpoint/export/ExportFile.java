package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.storage.ReadableFile;
import dev.kintsugi.storage.WritableFile;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter.Planned;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.zip.CRC32C;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// One safetensors file of an export.
///
/// @param type of its elements
/// @param prefix of its tensors' names
/// @param parameters in the model's order
record ExportFile(String name, ElementType type, String prefix, List<SavedParameter> parameters) {
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /// What was written of a file, header included.
    record Written(long bytes, long crc) {}

    /// Fills files in the model's order, each up to `maxBytes` of tensors.
    static List<ExportFile> plan(List<SavedParameter> parameters, ElementType type, long maxBytes) {
        var groups = new ArrayList<List<SavedParameter>>();
        long bytes = 0;
        for (SavedParameter p : parameters) {
            if (groups.isEmpty() || bytes + bytes(p, type) > maxBytes) {
                groups.add(new ArrayList<>());
                bytes = 0;
            }
            groups.getLast().add(p);
            bytes += bytes(p, type);
        }
        var files = new ArrayList<ExportFile>();
        for (List<SavedParameter> group : groups) {
            files.add(new ExportFile(groups.size() == 1 ? "model.safetensors"
                    : "model-%05d-of-%05d.safetensors".formatted(files.size() + 1, groups.size()), type, "", group));
        }
        return files;
    }

    private static long bytes(SavedParameter p, ElementType type) {
        return p.numel() * type.bytes();
    }

    /// Of tensors, without the header.
    long bytes() {
        return parameters.stream().mapToLong(p -> bytes(p, type)).sum();
    }

    /// @param onBytes bytes of tensors written since the last call
    Written write(ExportDirectory directory, ExportTensors tensors, LongConsumer onBytes) throws IOException {
        var crc = new CRC32C();
        ByteBuffer header = ByteBuffer.wrap(SafetensorsWriter.header(parameters.stream().map(p -> new Planned(prefix + p.name(), type, p.shape())).toList(),
                Map.of("format", "pt")));
        long headerBytes = header.remaining();
        try (WritableFile out = directory.create(name)) {
            crc.update(header.duplicate());
            out.write(header);
            for (SavedParameter p : parameters) {
                tensors.forEach(p, type, range -> {
                    crc.update(range.duplicate());
                    onBytes.accept(range.remaining());
                    out.write(range);
                });
            }
            out.commit();
        }
        return new Written(headerBytes + bytes(), crc.getValue());
    }

    /// Reads the file back, from the medium where that can be had, and holds it against what was written.
    ///
    /// @param buffer of any size
    /// @param onBytes bytes read since the last call
    void check(ExportDirectory directory, Written written, ByteBuffer buffer, LongConsumer onBytes) throws IOException {
        var crc = new CRC32C();
        try (ReadableFile in = directory.storage().open(directory.resolve(name))) {
            in.forget();
            if (in.size() != written.bytes) { throw readsOther(directory, "%d bytes".formatted(in.size()), "%d bytes".formatted(written.bytes)); }
            for (long at = 0; at < written.bytes; at += buffer.capacity()) {
                buffer.clear().limit((int) Math.min(buffer.capacity(), written.bytes - at));
                in.read(at, buffer);
                crc.update(buffer.flip());
                onBytes.accept(buffer.limit());
            }
        }
        if (crc.getValue() != written.crc) {
            throw readsOther(directory, "crc32c %08x".formatted(crc.getValue()), "crc32c %08x".formatted(written.crc));
        }
    }

    private WorldException readsOther(ExportDirectory directory, String actual, String expected) {
        return new WorldException("storage", "%s reads back other than it was written: expected=%s actual=%s; check the storage and export again"
                .formatted(directory.resolve(name), expected, actual));
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
