package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Writes one rank's two files of one checkpoint directory.
///
/// @param dir `.../checkpoints/step-00000250`; made if it is not there
record ShardFileWriter(Path dir, ShardPlan plan, int rank) {
    /// @param snapshot weights, first moments, second moments, in the order of [ShardTensors]
    List<ShardFile> write(MemorySegment snapshot) throws IOException {
        prepare();
        ShardTensors model = ShardTensors.model(plan, rank);
        ShardTensors optimizer = ShardTensors.optimizer(plan, rank);
        checkSpace(fileBytes(model) + fileBytes(optimizer));
        long modelBytes = plan.shardNumel(rank) * Float.BYTES;
        List<ShardFile> files = List.of(write(model, snapshot.asSlice(0, modelBytes)),
                write(optimizer, snapshot.asSlice(modelBytes, 2 * modelBytes)));
        syncNames();
        return files;
    }

    /// A checkpoint that is written again stops to exist first, so its manifest never describes a mixture; and no shard of a larger world
    /// stays behind for readers that take every file they find. Only rank 0 clears, and only what no rank of this world writes.
    private void prepare() throws IOException {
        for (String part : List.of(CheckpointLayout.MODEL, CheckpointLayout.OPTIMIZER)) {
            Files.createDirectories(dir.resolve(part));
        }
        Files.deleteIfExists(dir.resolve(CheckpointLayout.MANIFEST));
        if (rank == 0) {
            for (String part : List.of(CheckpointLayout.MODEL, CheckpointLayout.OPTIMIZER)) { clear(dir.resolve(part)); }
        }
    }

    private void clear(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString().replaceFirst("^\\.(.*)\\.partial$", "$1");
                if (CheckpointLayout.shardNumber(name).orElse(0) > plan.shardWorldSize()) { Files.deleteIfExists(entry); }
            }
        }
    }

    private static long fileBytes(ShardTensors t) {
        return SafetensorsWriter.fileBytes(t.tensors(), t.metadata());
    }

    /// Says it before the disk is full rather than after.
    private void checkSpace(long bytes) throws IOException {
        long usable = Files.getFileStore(dir).getUsableSpace();
        if (usable < bytes) { throw new IOException("%d bytes to write and %d free".formatted(bytes, usable)); }
    }

    private ShardFile write(ShardTensors t, MemorySegment body) throws IOException {
        try (var writer = SafetensorsWriter.create(dir.resolve(t.path()), t.tensors(), t.metadata())) {
            writer.write(body);
            var written = writer.finish();
            return ShardFile.newBuilder().setPath(t.path()).setBytes(written.bytes()).setSha256(written.sha256()).build();
        }
    }

    /// The step directory's own entries, and its name in `checkpoints`, and that one's in the output directory.
    private void syncNames() throws IOException {
        SafetensorsWriter.syncDirectory(dir);
        SafetensorsWriter.syncDirectory(dir.getParent());
        SafetensorsWriter.syncDirectory(dir.getParent().getParent());
    }
}
