package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.reshard.ReshardPlan;
import dev.kintsugi.sharding.reshard.RowPiece;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Loads a rank's shard from a checkpoint of any world size.
///
/// A rank verifies, whole, each file that it reads anything from, and no other: with N ranks saved and M resuming that is about N/M
/// files, and one or two when M > N. The pages it then copies rows from are the ones it has digested.
public final class CheckpointReader {
    private final CheckpointDirectory checkpoint;

    private CheckpointReader(CheckpointDirectory checkpoint) {
        this.checkpoint = checkpoint;
    }

    /// @throws CallerException if `dir` is not a committed checkpoint: a directory without a manifest does not exist
    public static CheckpointReader open(Path dir) {
        return new CheckpointReader(CheckpointDirectory.open(dir));
    }

    /// See [CheckpointDirectory#newest].
    public static Optional<Path> newest(Path outputDir) {
        return CheckpointDirectory.newest(outputDir);
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
    /// @throws CorruptShardException if a file is missing or altered
    public void restore(ShardBuffers into) {
        ReshardPlan reshard;
        try {
            reshard = ReshardPlan.of(manifest(), into.plan());
        } catch (IllegalArgumentException e) {
            throw new CallerException("%s: %s; resume with the model that it was saved from"
                    .formatted(checkpoint.path(), e.getMessage()), e);
        }
        for (int savedRank : reshard.savedRanks(into.rank())) {
            try (MappedShard model = MappedShard.model(checkpoint, savedRank)) {
                restore(reshard, savedRank, into, model, into.parameters(), "", "");
            }
            try (MappedShard optimizer = MappedShard.optimizer(checkpoint, savedRank)) {
                restore(reshard, savedRank, into, optimizer, into.expAvg(), "state.", ".exp_avg");
                restore(reshard, savedRank, into, optimizer, into.expAvgSq(), "state.", ".exp_avg_sq");
            }
        }
    }

    private static void restore(ReshardPlan reshard, int savedRank, ShardBuffers into, MappedShard from, List<MemorySegment> buffers,
            String prefix, String suffix) {
        for (UnitPlan unit : into.plan().units()) {
            List<RowShard> rowShards = unit.rowShards(into.rank());
            for (int i = 0; i < rowShards.size(); i++) {
                ParameterPlan p = unit.parameters().get(i);
                for (RowPiece piece : reshard.pieces(p, into.rank())) {
                    if (piece.savedRank() != savedRank) { continue; }
                    MemorySegment rows = from.rows(prefix + p.spec().name() + suffix, piece.savedRow(), piece.rows());
                    long offset = rowShards.get(i).shardOffset() + piece.row() * rowShards.get(i).rowNumel();
                    MemorySegment.copy(rows, 0, buffers.get(unit.index()), offset * Float.BYTES, rows.byteSize());
                }
            }
        }
    }
}
