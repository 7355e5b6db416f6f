package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.SavedParameter;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/// A checkpoint's tensors as wholes, whatever its cut: ranges of them, read from the shards that have them and checked before a byte is used.
/// Files are opened when they are first needed. One thread.
public final class WholeTensors implements AutoCloseable {
    /// What a checkpoint has of each parameter, all f32.
    public enum Kind {
        WEIGHT("weight"), EXP_AVG("exp_avg"), EXP_AVG_SQ("exp_avg_sq");

        private final String label;

        Kind(String label) {
            this.label = label;
        }

        /// For people.
        public String label() {
            return label;
        }
    }

    private final CheckpointDirectory checkpoint;
    private final ChunkBuffer buffer;
    private final Map<Integer, CheckedShard> models = new HashMap<>();
    private final Map<Integer, CheckedShard> optimizers = new HashMap<>();

    private WholeTensors(CheckpointDirectory checkpoint) {
        this.checkpoint = checkpoint;
        this.buffer = new ChunkBuffer(checkpoint.path());
    }

    public static WholeTensors of(CheckpointDirectory checkpoint) {
        return new WholeTensors(checkpoint);
    }

    /// Fills `into`, off-heap, from byte `offset` of the whole tensor on.
    ///
    /// @throws CorruptShardException if they are not what was saved; the content of `into` is undefined then
    public void read(Kind kind, SavedParameter p, long offset, MemorySegment into) {
        long rankBytes = p.rowsPerRank() * p.rowNumel() * Float.BYTES;
        long end = offset + into.byteSize();
        for (long at = offset; at < end;) {
            int rank = Math.toIntExact(at / rankBytes);
            long bytes = Math.min(end, (rank + 1) * rankBytes) - at;
            shard(kind, rank).readBytes(tensor(kind, p), at - rank * rankBytes, into.asSlice(at - offset, bytes));
            at += bytes;
        }
    }

    private CheckedShard shard(Kind kind, int rank) {
        return kind == Kind.WEIGHT ? models.computeIfAbsent(rank, r -> CheckedShard.model(checkpoint, r, buffer))
                : optimizers.computeIfAbsent(rank, r -> CheckedShard.optimizer(checkpoint, r, buffer));
    }

    private static String tensor(Kind kind, SavedParameter p) {
        return switch (kind) {
            case WEIGHT -> p.name();
            case EXP_AVG -> ShardTensors.expAvg(p.name());
            case EXP_AVG_SQ -> ShardTensors.expAvgSq(p.name());
        };
    }

    @Override
    public void close() {
        models.values().forEach(CheckedShard::close);
        optimizers.values().forEach(CheckedShard::close);
        buffer.close();
    }
}
