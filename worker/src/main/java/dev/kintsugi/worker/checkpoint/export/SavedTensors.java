package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.reshard.ReshardPlan;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.MappedShard;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The weights of a checkpoint as whole tensors, each a few mapped row blocks. Every shard has been verified.
///
/// @param shards by rank
/// @param bytes of all tensors
record SavedTensors(List<MappedShard> shards, long bytes) implements AutoCloseable {
    static SavedTensors open(CheckpointDirectory checkpoint, CheckpointExport.Progress progress) {
        Manifest manifest = checkpoint.manifest();
        long total = 0;
        for (int rank = 0; rank < manifest.worldSize(); rank++) { total += fileBytes(manifest, rank); }
        var tensors = new SavedTensors(new ArrayList<>(),
                manifest.parameters().stream().mapToLong(SavedParameter::numel).sum() * Float.BYTES);
        try {
            long done = 0;
            for (int rank = 0; rank < manifest.worldSize(); rank++) {
                tensors.shards.add(MappedShard.model(checkpoint, rank));
                done += fileBytes(manifest, rank);
                progress.advanced("verifying", done, total);
            }
            return tensors;
        } catch (RuntimeException e) {
            tensors.close();
            throw e;
        }
    }

    private static long fileBytes(Manifest manifest, int rank) {
        return manifest.file(CheckpointLayout.modelFile(rank)).bytes();
    }

    /// A whole tensor's f32 bytes, in row order. Borrowed until [#close].
    List<MemorySegment> rowBlocks(SavedParameter p) {
        return ReshardPlan.pieces(p, 0, p.rows()).stream()
                .map(piece -> shards.get(piece.savedRank()).rows(p.name(), piece.savedRow(), piece.rows())).toList();
    }

    @Override
    public void close() {
        shards.forEach(MappedShard::close);
    }
}
