package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.reshard.ReshardPlan;
import dev.kintsugi.sharding.reshard.RowPiece;
import dev.kintsugi.worker.checkpoint.CheckedShard;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.ChunkBuffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The weights of a checkpoint as whole tensors, streamed from the shards through one buffer, each byte checked before it comes.
///
/// @param shards by rank
/// @param bytes of all tensors
/// @param chunks what the shards are read through
/// @param buffer what blocks are handed out in
record SavedTensors(List<CheckedShard> shards, long bytes, ChunkBuffer chunks, Arena arena, MemorySegment buffer) implements AutoCloseable {
    private static final long BUFFER_BYTES = 4 << 20;

    /// Takes the next bytes of a tensor, which are borrowed until it returns.
    @FunctionalInterface
    interface BlockUse {
        void accept(MemorySegment block) throws IOException;
    }

    static SavedTensors open(CheckpointDirectory checkpoint) {
        Manifest manifest = checkpoint.manifest();
        Arena arena = Arena.ofConfined();
        var tensors = new SavedTensors(new ArrayList<>(), manifest.parameters().stream().mapToLong(SavedParameter::numel).sum() * Float.BYTES,
                new ChunkBuffer(checkpoint.path()), arena, arena.allocate(BUFFER_BYTES, 64));
        try {
            for (int rank = 0; rank < manifest.worldSize(); rank++) { tensors.shards.add(CheckedShard.model(checkpoint, rank, tensors.chunks)); }
            return tensors;
        } catch (RuntimeException e) {
            tensors.close();
            throw e;
        }
    }

    /// Hands out a whole tensor's f32 bytes, in row order.
    void stream(SavedParameter p, BlockUse use) throws IOException {
        long rowBytes = p.rowNumel() * Float.BYTES;
        for (RowPiece piece : ReshardPlan.pieces(p, 0, p.rows())) {
            long end = (piece.savedRow() + piece.rows()) * rowBytes;
            for (long at = piece.savedRow() * rowBytes; at < end; at += buffer.byteSize()) {
                MemorySegment block = buffer.asSlice(0, Math.min(buffer.byteSize(), end - at));
                shards.get(piece.savedRank()).readBytes(p.name(), at, block);
                use.accept(block);
            }
        }
    }

    @Override
    public void close() {
        shards.forEach(CheckedShard::close);
        chunks.close();
        arena.close();
    }
}
