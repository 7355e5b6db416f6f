package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.ChunkDigests;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.WritableFile;
import dev.kintsugi.worker.checkpoint.StatePieces.Piece;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter;
import dev.kintsugi.worker.checkpoint.safetensors.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.function.LongConsumer;

/// One rank's two files of one checkpoint directory, each with its digests beside it.
///
/// @param dir `.../step-00000250`; made if it is not there
/// @param state what the optimizer's file has
/// @param checkSpace whether to refuse when free space is too little
record ShardFileWriter(Storage storage, StoragePath dir, ShardPlan plan, int rank, OptimizerState state, boolean checkSpace) {
    /// Writes what the snapshot holds, as the taking thread brings it, and gives its slots back.
    ///
    /// @param onWritten bytes of tensors written so far
    /// @throws CancellationException if the snapshot was abandoned
    List<ShardFile> write(StatePieces pieces, Snapshot snapshot, LongConsumer onWritten) throws IOException, InterruptedException {
        ShardTensors model = ShardTensors.model(plan, rank);
        ShardTensors optimizer = ShardTensors.optimizer(plan, rank, state);
        prepare();
        if (checkSpace) { checkSpace(fileBytes(model) + fileBytes(optimizer)); }
        return List.of(write(model, pieces.model(), snapshot, onWritten),
                write(optimizer, pieces.optimizer(), snapshot, n -> onWritten.accept(StatePieces.bytes(pieces.model()) + n)));
    }

    /// A checkpoint that is written again stops to exist first, so its manifest never describes a mixture; and no shard of a larger world
    /// stays behind for readers that take every file they find. Only rank 0 clears, and only what no rank of this world writes.
    private void prepare() throws IOException {
        for (String name : List.of(CheckpointLayout.MANIFEST, CheckpointLayout.VERIFIED)) { storage.delete(dir.resolve(name)); }
        if (rank == 0) {
            for (String part : List.of(CheckpointLayout.MODEL, CheckpointLayout.OPTIMIZER)) { clear(dir.resolve(part)); }
        }
    }

    private void clear(StoragePath directory) throws IOException {
        for (String name : storage.children(directory)) {
            if (CheckpointLayout.shardNumber(name).orElse(0) > plan.shardWorldSize()) { storage.delete(directory.resolve(name)); }
        }
    }

    private static long fileBytes(ShardTensors t) {
        return SafetensorsWriter.fileBytes(t.tensors(), t.metadata());
    }

    /// Says it before the disk is full rather than after.
    private void checkSpace(long bytes) throws IOException {
        OptionalLong free = storage.freeBytes(dir);
        if (free.isPresent() && free.getAsLong() < bytes) {
            throw new IOException("%s are to be written and %s are free".formatted(Gigabytes.of(bytes), Gigabytes.of(free.getAsLong())));
        }
    }

    private ShardFile write(ShardTensors t, List<Piece> pieces, Snapshot snapshot, LongConsumer onWritten) throws IOException, InterruptedException {
        ByteBuffer header = ByteBuffer.wrap(SafetensorsWriter.header(t.tensors(), t.metadata()));
        long bytes = header.remaining() + StatePieces.bytes(pieces);
        var crcs = new ChunkCrcs(bytes);
        try (WritableFile file = storage.create(dir.resolve(t.path()))) {
            crcs.update(header);
            file.write(header);
            write(pieces, snapshot, file, crcs, onWritten);
            file.commit();
        }
        return ShardFile.newBuilder().setPath(t.path()).setBytes(bytes).setSha256(writeDigests(t.path(), crcs.digests())).build();
    }

    private static void write(List<Piece> pieces, Snapshot snapshot, WritableFile file, ChunkCrcs crcs, LongConsumer onWritten)
            throws IOException, InterruptedException {
        long written = 0;
        for (Piece piece : pieces) {
            MemorySegment held = snapshot.await(piece);
            if (held == null) { throw new CancellationException("the snapshot was abandoned"); }
            ByteBuffer bytes = held.asByteBuffer();
            crcs.update(bytes);
            file.write(bytes);
            snapshot.written(piece);
            written += piece.bytes();
            onWritten.accept(written);
        }
    }

    /// Returns the SHA-256 of the digests' text.
    private String writeDigests(String path, ChunkDigests digests) throws IOException {
        byte[] text = digests.toJson().getBytes(StandardCharsets.UTF_8);
        storage.replace(dir.resolve(CheckpointLayout.digestsOf(path)), text);
        return Sha256.hex(MemorySegment.ofArray(text));
    }

    /// See [ReadBack#verify].
    String readBack(List<ShardFile> files) {
        return ReadBack.verify(storage, dir, rank, files);
    }

    /// Removes this rank's files, as far as they are there.
    void remove() throws IOException {
        for (String path : List.of(CheckpointLayout.modelFile(rank), CheckpointLayout.optimizerFile(rank))) {
            storage.delete(dir.resolve(CheckpointLayout.digestsOf(path)));
            storage.delete(dir.resolve(path));
        }
    }
}
