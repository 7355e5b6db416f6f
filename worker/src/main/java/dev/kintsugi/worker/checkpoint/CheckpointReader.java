package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.StateExtent;
import dev.kintsugi.sharding.optimizer.StateShard;
import dev.kintsugi.sharding.optimizer.StateSlot;
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
import java.util.Set;
import java.util.TreeSet;
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

    /// Fills weights and slots. After an exception their content is undefined.
    ///
    /// @throws CallerException if the checkpoint is of another model, or of another optimizer
    /// @throws CorruptShardException if a file is missing, or altered in what was read
    public void restore(ShardBuffers into) {
        ReshardPlan reshard;
        try {
            reshard = ReshardPlan.of(manifest(), into.plan());
        } catch (IllegalArgumentException e) {
            throw new CallerException("%s: %s; resume with the model that it was saved from"
                    .formatted(checkpoint.path(), e.getMessage()), e);
        }
        requireSameOptimizer(into.optimizer());
        long startNs = System.nanoTime();
        try (var buffer = new ChunkBuffer(checkpoint.path())) {
            for (int savedRank : savedRanks(reshard, into)) { restore(reshard, savedRank, into, buffer); }
        }
        log.info("read {}: {}", checkpoint.path(), Gigabytes.since(startNs, Float.BYTES * into.plan().shardNumel(into.rank())
                + into.optimizer().bytes(into.plan(), into.rank())));
    }

    private void requireSameOptimizer(OptimizerState wanted) {
        OptimizerState saved = manifest().optimizer();
        if (saved.equals(wanted)) { return; }
        throw new CallerException("%s has the state of %s and the job asks for %s; resume with the --optim and --optim_args that it was saved with"
                .formatted(checkpoint.path(), saved.describe(), wanted.describe()));
    }

    /// The first rank has what is not cut.
    private static Set<Integer> savedRanks(ReshardPlan reshard, ShardBuffers into) {
        var ranks = new TreeSet<>(reshard.savedRanks(into.rank()));
        if (into.optimizer().slots().stream().anyMatch(s -> s.extent() == StateExtent.COLUMN)) { ranks.add(0); }
        return ranks;
    }

    private void restore(ReshardPlan reshard, int savedRank, ShardBuffers into, ChunkBuffer buffer) {
        try (CheckedShard model = CheckedShard.model(checkpoint, savedRank, buffer)) {
            for (UnitPlan unit : into.plan().units()) { restoreWeights(reshard, savedRank, into, unit, model); }
        }
        try (CheckedShard optimizer = CheckedShard.optimizer(checkpoint, savedRank, buffer)) {
            for (int slot = 0; slot < into.slots().size(); slot++) {
                for (UnitPlan unit : into.plan().units()) { restoreSlot(reshard, savedRank, into, slot, unit, optimizer); }
            }
        }
    }

    private static void restoreWeights(ReshardPlan reshard, int savedRank, ShardBuffers into, UnitPlan unit, CheckedShard from) {
        List<RowShard> rowShards = unit.rowShards(into.rank());
        for (int i = 0; i < rowShards.size(); i++) {
            ParameterPlan p = unit.parameters().get(i);
            RowShard rows = rowShards.get(i);
            read(reshard.pieces(p, into.rank()), savedRank, from, p.spec().name(), into.parameters().get(unit.index()), rows.shardOffset() * Float.BYTES,
                    rows.rowNumel() * Float.BYTES);
        }
    }

    private static void restoreSlot(ReshardPlan reshard, int savedRank, ShardBuffers into, int slotIndex, UnitPlan unit, CheckedShard from) {
        StateSlot slot = into.optimizer().slots().get(slotIndex);
        for (StateShard s : StateShard.of(slot, unit, into.rank())) {
            ParameterPlan p = unit.parameters().get(s.parameter());
            MemorySegment buffer = into.slots().get(slotIndex).get(unit.index());
            if (s.tensor().isCut()) {
                read(reshard.pieces(p, into.rank()), savedRank, from, slot.tensorName(p.spec().name()), buffer, s.offsetBytes(), s.tensor().rowBytes());
            } else if (savedRank == 0) {        // who saved all of it
                from.read(slot.tensorName(p.spec().name()), 0, s.rows(), buffer, s.offsetBytes());
            }
        }
    }

    private static void read(List<RowPiece> pieces, int savedRank, CheckedShard from, String tensor, MemorySegment into, long offsetBytes, long rowBytes) {
        for (RowPiece piece : pieces) {
            if (piece.savedRank() == savedRank) { from.read(tensor, piece.savedRow(), piece.rows(), into, offsetBytes + piece.row() * rowBytes); }
        }
    }
}
