package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.optimizer.StateTensor;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/// A checkpoint's tensors as wholes, whatever its cut: ranges of them, read from the shards that have them and checked before a byte is used.
/// Files are opened when they are first needed. One thread.
public final class WholeTensors implements AutoCloseable {
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
    public void read(TensorKind kind, SavedParameter p, long offset, MemorySegment into) {
        StateTensor tensor = kind.tensor(p).orElseThrow();
        long shardBytes = tensor.isCut() ? p.rowsPerRank() * tensor.rowBytes() : tensor.bytes();
        long end = offset + into.byteSize();
        for (long at = offset; at < end;) {
            int rank = Math.toIntExact(at / shardBytes);
            long bytes = Math.min(end, (rank + 1) * shardBytes) - at;
            shard(kind, rank).readBytes(kind.tensorName(p), at - rank * shardBytes, into.asSlice(at - offset, bytes));
            at += bytes;
        }
    }

    private CheckedShard shard(TensorKind kind, int rank) {
        return switch (kind) {
            case TensorKind.Weight() -> models.computeIfAbsent(rank, r -> CheckedShard.model(checkpoint, r, buffer));
            case TensorKind.Slot _ -> optimizers.computeIfAbsent(rank, r -> CheckedShard.optimizer(checkpoint, r, buffer));
        };
    }

    @Override
    public void close() {
        models.values().forEach(CheckedShard::close);
        optimizers.values().forEach(CheckedShard::close);
        buffer.close();
    }
}
