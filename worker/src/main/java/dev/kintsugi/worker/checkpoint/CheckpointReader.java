package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.reshard.ReshardPlan;
import dev.kintsugi.sharding.reshard.RowPiece;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Loads a rank's shard from a checkpoint of any world size.
///
/// A rank reads, of the files that hold any of its rows, just the chunks that cover them, and checks each before it uses a byte of it: with N ranks
/// saved and M resuming, all ranks together read every chunk once, and those at their borders twice. Beside the shards it holds one small buffer.
public final class CheckpointReader {
    private static final Logger log = LoggerFactory.getLogger(CheckpointReader.class);

    private final CheckpointDirectory checkpoint;

    private CheckpointReader(CheckpointDirectory checkpoint) {
        this.checkpoint = checkpoint;
    }

    /// @throws CallerException if `dir` is not a committed checkpoint: a directory without a manifest does not exist
    public static CheckpointReader open(StoragePath dir) {
        return new CheckpointReader(CheckpointDirectory.open(dir));
    }

    public Manifest manifest() {
        return checkpoint.manifest();
    }

    public TrainingState training() {
        return manifest().training().toProto();
    }

    /// Fills all three kinds of buffers. After an exception their content is undefined.
    ///
    /// @throws CallerException if the checkpoint is of another model
    /// @throws CorruptShardException if a file is missing, or altered in what was read
    public void restore(ShardBuffers into) {
        ReshardPlan reshard;
        try {
            reshard = ReshardPlan.of(manifest(), into.plan());
        } catch (IllegalArgumentException e) {
            throw new CallerException("%s: %s; resume with the model that it was saved from"
                    .formatted(checkpoint.path(), e.getMessage()), e);
        }
        long startNs = System.nanoTime();
        try (var buffer = new ChunkBuffer(checkpoint.path())) {
            for (int savedRank : reshard.savedRanks(into.rank())) { restore(reshard, savedRank, into, buffer); }
        }
        log.info("read {}: {}", checkpoint.path(), Gigabytes.since(startNs, 3 * Float.BYTES * into.plan().shardNumel(into.rank())));
    }

    private void restore(ReshardPlan reshard, int savedRank, ShardBuffers into, ChunkBuffer buffer) {
        try (CheckedShard model = CheckedShard.model(checkpoint, savedRank, buffer)) {
            restore(reshard, savedRank, into, model, into.parameters(), "", "");
        }
        try (CheckedShard optimizer = CheckedShard.optimizer(checkpoint, savedRank, buffer)) {
            restore(reshard, savedRank, into, optimizer, into.expAvg(), "state.", ".exp_avg");
            restore(reshard, savedRank, into, optimizer, into.expAvgSq(), "state.", ".exp_avg_sq");
        }
    }

    private static void restore(ReshardPlan reshard, int savedRank, ShardBuffers into, CheckedShard from, List<MemorySegment> buffers,
            String prefix, String suffix) {
        for (UnitPlan unit : into.plan().units()) {
            List<RowShard> rowShards = unit.rowShards(into.rank());
            for (int i = 0; i < rowShards.size(); i++) {
                ParameterPlan p = unit.parameters().get(i);
                for (RowPiece piece : reshard.pieces(p, into.rank())) {
                    if (piece.savedRank() != savedRank) { continue; }
                    long offset = rowShards.get(i).shardOffset() + piece.row() * rowShards.get(i).rowNumel();
                    from.read(prefix + p.spec().name() + suffix, piece.savedRow(), piece.rows(), buffers.get(unit.index()), offset * Float.BYTES);
                }
            }
        }
    }
}
