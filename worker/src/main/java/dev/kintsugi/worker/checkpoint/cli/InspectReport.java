package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Origin;
import dev.kintsugi.sharding.manifest.SavedFile;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.manifest.SavedUnit;
import dev.kintsugi.sharding.manifest.TrainingPosition;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.storage.Storages;
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
record InspectReport(CheckpointDirectory checkpoint, TensorSelection selection, TensorDigests digests) {
    private static final JsonMapper JSON = new JsonMapper();

    static InspectReport of(CheckpointDirectory checkpoint, TensorSelection selection, TensorDigests digests) {
        return new InspectReport(checkpoint, selection, digests);
    }

    List<String> lines() {
        Manifest m = checkpoint.manifest();
        TrainingPosition t = m.training();
        Origin o = m.origin();
        var lines = new ArrayList<String>();
        lines.add("checkpoint  " + checkpoint.path());
        lines.add("step        %,d; %,d samples and %,d tokens seen; seed %d"
                .formatted(t.step(), t.samplesSeen(), t.tokensSeen(), t.seed()));
        lines.add("written     %s by Kintsugi %s".formatted(Dates.local(o.savedAt()), o.kintsugiVersion()));
        lines.add("ranks       %d under %s, %d shard%s, %d micro-batches a step".formatted(o.ranks(), o.strategy(), m.worldSize(),
                m.worldSize() == 1 ? "" : "s", t.microbatchesPerStep()));
        lines.add("model       %,d parameters in %d tensors, F32".formatted(numel(m), m.parameters().size()));
        lines.add("storage     %s in %d files".formatted(ByteSize.format(m.bytes()), m.files().size()));
        lines.add("");
        lines.addAll(tensorTable(m));
        lines.add("");
        lines.addAll(selection.isAll() ? fileTable(m) : placementTable());
        return lines;
    }

    private static long numel(Manifest m) {
        return m.parameters().stream().mapToLong(SavedParameter::numel).sum();
    }

    private List<String> tensorTable(Manifest m) {
        var rows = new ArrayList<List<String>>();
        rows.add(row(List.of("unit", "tensor", "shape", "dtype", "shards", "rows a shard", "size"), "crc32c"));
        for (SavedUnit unit : m.units()) {
            for (SavedParameter p : selection.of(unit)) {
                rows.add(row(List.of(unit.name(), p.name(), p.shape().stream().map(String::valueOf).collect(Collectors.joining(" x ")), "F32",
                        String.valueOf(shards(p)), String.valueOf(p.rowsPerRank()), ByteSize.format(p.numel() * Float.BYTES)),
                        digests.crcs().get(p.name())));
            }
        }
        return Table.lines(rows);
    }

    private List<String> row(List<String> cells, String crc) {
        if (digests.isEmpty()) { return cells; }
        var more = new ArrayList<>(cells);
        more.add(crc);
        return more;
    }

    private static long shards(SavedParameter p) {
        return Math.ceilDiv(p.rows(), p.rowsPerRank());
    }

    private List<String> placementTable() {
        var rows = new ArrayList<List<String>>();
        rows.add(List.of("tensor", "rank", "rows", "file"));
        for (SavedParameter p : selection.parameters()) {
            for (int rank = 0; rank < shards(p); rank++) {
                rows.add(List.of(p.name(), Integer.toString(rank), "%d to %d".formatted(p.firstRow(rank), p.firstRow(rank) + p.rows(rank) - 1),
                        CheckpointLayout.modelFile(rank)));
            }
        }
        return Table.lines(rows);
    }

    private List<String> fileTable(Manifest m) {
        var rows = new ArrayList<List<String>>();
        rows.add(List.of("file", "rank", "size", "digest", "on storage"));
        for (SavedFile f : m.files()) {
            rows.add(List.of(f.path(), rank(f), ByteSize.format(f.bytes()), f.sha256().substring(0, 12), onStorage(f)));
        }
        return Table.lines(rows);
    }

    private static String rank(SavedFile f) {
        OptionalLong shard = CheckpointLayout.shardNumber(f.path().substring(f.path().lastIndexOf('/') + 1));
        return shard.isPresent() ? Long.toString(shard.getAsLong() - 1) : "-";
    }

    /// Sizes only: `verify` is what reads the files.
    private String onStorage(SavedFile f) {
        StoragePath path = checkpoint.path().resolve(f.path());
        try {
            OptionalLong bytes = Storages.of(path).size(path);
            if (bytes.isEmpty()) { return "missing"; }
            return bytes.getAsLong() == f.bytes() ? "yes" : "other size: " + ByteSize.format(bytes.getAsLong());
        } catch (IOException e) {
            return "cannot be read: " + StorageReason.of(e);
        }
    }

    String json() {
        Manifest m = checkpoint.manifest();
        TrainingPosition t = m.training();
        Origin o = m.origin();
        ObjectNode root = JSON.createObjectNode().put("path", checkpoint.path().text())
                .put("step", t.step()).put("samples_seen", t.samplesSeen()).put("tokens_seen", t.tokensSeen())
                .put("microbatches_per_step", t.microbatchesPerStep()).put("seed", t.seed()).put("dataset_digest", t.datasetDigest())
                .put("kintsugi_version", o.kintsugiVersion()).put("saved_at", o.savedAt()).put("strategy", o.strategy().name()).put("ranks", o.ranks())
                .put("format_version", Manifest.FORMAT_VERSION).put("world_size", m.worldSize()).put("parameters", numel(m))
                .put("bytes", m.bytes()).put("manifest", CheckpointLayout.MANIFEST);
        ArrayNode tensors = root.putArray("tensors");
        for (SavedUnit unit : m.units()) {
            for (SavedParameter p : selection.of(unit)) { describe(p, tensors.addObject().put("name", p.name()).put("unit", unit.name())); }
        }
        ArrayNode files = root.putArray("files");
        for (SavedFile f : m.files()) {
            files.addObject().put("path", f.path()).put("bytes", f.bytes()).put("sha256", f.sha256()).put("on_storage", onStorage(f));
        }
        root.set("job", JSON.readTree(m.jobConfigJson()));
        root.set("model_config", JSON.readTree(m.modelConfigJson()));
        return root.toString();
    }

    private void describe(SavedParameter p, ObjectNode o) {
        o.put("dtype", "F32");
        p.shape().forEach(o.putArray("shape")::add);
        o.put("shards", shards(p)).put("rows_per_rank", p.rowsPerRank()).put("bytes", p.numel() * Float.BYTES);
        if (!digests.isEmpty()) { o.put("crc32c", digests.crcs().get(p.name())); }
        if (selection.isAll()) { return; }
        ArrayNode placement = o.putArray("placement");
        for (int rank = 0; rank < shards(p); rank++) {
            placement.addObject().put("rank", rank).put("first_row", p.firstRow(rank)).put("rows", p.rows(rank)).put("file", CheckpointLayout.modelFile(rank));
        }
    }
}
