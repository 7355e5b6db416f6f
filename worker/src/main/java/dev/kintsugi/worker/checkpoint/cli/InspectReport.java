package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedFile;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.manifest.SavedUnit;
import dev.kintsugi.sharding.manifest.TrainingPosition;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `inspect` prints, as lines or as JSON.
record InspectReport(CheckpointDirectory checkpoint) {
    private static final JsonMapper JSON = new JsonMapper();

    List<String> lines() {
        Manifest m = checkpoint.manifest();
        TrainingPosition t = m.training();
        var lines = new ArrayList<String>();
        lines.add("checkpoint  " + checkpoint.path());
        lines.add("step        %,d; %,d samples and %,d tokens seen; seed %d"
                .formatted(t.step(), t.samplesSeen(), t.tokensSeen(), t.seed()));
        lines.add("written by  Kintsugi %s, %d shard%s, %d micro-batches a step".formatted(m.kintsugiVersion(), m.worldSize(),
                m.worldSize() == 1 ? "" : "s", t.microbatchesPerStep()));
        lines.add("model       %,d parameters in %d tensors, F32".formatted(numel(m), m.parameters().size()));
        lines.add("storage     %s in %d files".formatted(ByteSize.format(m.bytes()), m.files().size()));
        lines.add("");
        lines.addAll(tensorTable(m));
        lines.add("");
        lines.addAll(fileTable(m));
        return lines;
    }

    private static long numel(Manifest m) {
        return m.parameters().stream().mapToLong(SavedParameter::numel).sum();
    }

    private static List<String> tensorTable(Manifest m) {
        var rows = new ArrayList<List<String>>();
        rows.add(List.of("unit", "tensor", "shape", "shards", "rows a shard", "size"));
        for (SavedUnit unit : m.units()) {
            for (SavedParameter p : unit.parameters()) {
                rows.add(List.of(unit.name(), p.name(), p.shape().stream().map(String::valueOf).collect(Collectors.joining(" x ")),
                        String.valueOf(shards(p)), String.valueOf(p.rowsPerRank()), ByteSize.format(p.numel() * Float.BYTES)));
            }
        }
        return Table.lines(rows);
    }

    private static long shards(SavedParameter p) {
        return Math.ceilDiv(p.rows(), p.rowsPerRank());
    }

    private List<String> fileTable(Manifest m) {
        var rows = new ArrayList<List<String>>();
        rows.add(List.of("file", "size", "sha256", "on storage"));
        for (SavedFile f : m.files()) {
            rows.add(List.of(f.path(), ByteSize.format(f.bytes()), f.sha256().substring(0, 12), onStorage(f)));
        }
        return Table.lines(rows);
    }

    /// Sizes only: `verify` is what reads the files.
    private String onStorage(SavedFile f) {
        try {
            OptionalLong bytes = checkpoint.storage().size(checkpoint.path().resolve(f.path()));
            if (bytes.isEmpty()) { return "missing"; }
            return bytes.getAsLong() == f.bytes() ? "yes" : "other size: " + ByteSize.format(bytes.getAsLong());
        } catch (IOException e) {
            return "cannot be read: " + StorageReason.of(e);
        }
    }

    String json() {
        Manifest m = checkpoint.manifest();
        TrainingPosition t = m.training();
        ObjectNode root = JSON.createObjectNode().put("path", checkpoint.path().toString())
                .put("step", t.step())
                .put("samples_seen", t.samplesSeen()).put("tokens_seen", t.tokensSeen())
                        .put("microbatches_per_step", t.microbatchesPerStep())
                .put("seed", t.seed()).put("dataset_digest", t.datasetDigest()).put("kintsugi_version", m.kintsugiVersion())
                .put("format_version", Manifest.FORMAT_VERSION).put("world_size", m.worldSize()).put("parameters", numel(m))
                .put("bytes", m.bytes()).put("manifest", CheckpointLayout.MANIFEST);
        ArrayNode tensors = root.putArray("tensors");
        for (SavedUnit unit : m.units()) {
            for (SavedParameter p : unit.parameters()) {
                ObjectNode o = tensors.addObject().put("name", p.name()).put("unit", unit.name()).put("dtype", "F32");
                p.shape().forEach(o.putArray("shape")::add);
                o.put("shards", shards(p)).put("rows_per_rank", p.rowsPerRank()).put("bytes", p.numel() * Float.BYTES);
            }
        }
        ArrayNode files = root.putArray("files");
        for (SavedFile f : m.files()) {
            files.addObject().put("path", f.path()).put("bytes", f.bytes()).put("sha256", f.sha256()).put("on_storage", onStorage(f));
        }
        root.set("job", JSON.readTree(m.jobConfigJson()));
        root.set("model_config", JSON.readTree(m.modelConfigJson()));
        return root.toString();
    }
}
