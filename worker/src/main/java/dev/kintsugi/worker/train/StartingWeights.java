package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.LoadMode;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.memory.ShardWeights;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/// Puts the first weights into every rank's shards, and proves that all ranks together hold the model that was read.
///
/// Where rank 0 reads ([WeightsScatter]) they come in pieces of at most [#PIECE_BYTES], unit after unit, through two buffers, so that the next piece is
/// read while this one goes to the ranks; where each rank reads for itself ([OwnWeights]), in smaller ones still. Nothing holds more of the model
/// than that beside its shards.
final class StartingWeights {
    /// Of one of the two buffers: large enough for storage to be quick, and little beside a shard.
    private static final long PIECE_BYTES = 16 << 20;

    private final ShardPlan plan;
    private final CollectiveGroup group;
    private final long pieceBytes;

    StartingWeights(ShardPlan plan, CollectiveGroup group) {
        this(plan, group, PIECE_BYTES);
    }

    /// For tests, whose models are smaller than a piece.
    StartingWeights(ShardPlan plan, CollectiveGroup group, long pieceBytes) {
        this.plan = plan;
        this.group = group;
        this.pieceBytes = pieceBytes;
    }

    /// Whether `rank` needs a source of its own to [#load].
    static boolean reads(int rank, LoadMode mode) {
        return rank == 0 || mode == LoadMode.DIRECT;
    }

    /// @param source null on ranks that do not read
    /// @return digest of all parameters
    /// @throws WorldException if the ranks hold anything else than was read
    String load(LoadMode mode, WeightSource source, ShardWeights into) {
        var held = new WeightsDigest();
        var arrived = new WeightsDigest();
        WeightsDigest expected = null;
        if (mode == LoadMode.DIRECT) {
            requireSameSource(source);
            new OwnWeights(plan, group.rank(), source).load(into, held);
        } else {
            expected = new WeightsScatter(plan, group, source, pieceBytes, mode == LoadMode.BROADCAST).load(into, held, arrived);
        }
        return agree(held, arrived, expected);
    }

    private void requireSameSource(WeightSource source) {
        byte[] mine = source.identity().getBytes(StandardCharsets.UTF_8);
        List<byte[]> all = group.exchange("weight files", mine);
        for (int rank = 0; rank < all.size(); rank++) {
            if (!Arrays.equals(all.get(rank), mine)) {
                throw new CallerException(("ranks %d and %d see different weights under the same name; put model_name on storage that all hosts share, "
                        + "or leave out --load direct").formatted(Math.min(rank, group.rank()), Math.max(rank, group.rank())));
            }
        }
    }

    /// Hex digest of one copy of the parameters: the same on every rank, for every world size and every strategy.
    ///
    /// @throws WorldException if two ranks that hold the same shard do not hold the same bits
    String digest(ShardWeights weights) {
        var mine = new WeightsDigest();
        for (UnitPlan unit : plan.units()) { mine.addShard(unit, group.rank(), weights.segments().get(unit.index())); }
        return agree(mine, new WeightsDigest(), null);
    }

    /// @param arrived of the rows that came to this rank, as they came
    /// @param expected of all rows as they were read, or null
    private String agree(WeightsDigest held, WeightsDigest arrived, WeightsDigest expected) {
        List<byte[]> parts = group.exchange("parameter digests", ByteBuffer.allocate(2 * WeightsDigest.BYTES).put(held.toBytes()).put(arrived.toBytes())
                .array());
        requireEqualReplicas(parts);
        var heldByAll = new WeightsDigest();
        var arrivedAtAll = new WeightsDigest();
        for (byte[] part : parts.subList(0, plan.shardWorldSize())) {
            heldByAll.add(Arrays.copyOf(part, WeightsDigest.BYTES));
            arrivedAtAll.add(Arrays.copyOfRange(part, WeightsDigest.BYTES, part.length));
        }
        if (expected != null && !expected.toHex().equals(arrivedAtAll.toHex())) {
            throw new WorldException("weights_differ", "other weights have come to the ranks than rank 0 has read: digests %s and %s; start the job again"
                    .formatted(arrivedAtAll.toHex(), expected.toHex()));
        }
        return heldByAll.toHex();
    }

    private void requireEqualReplicas(List<byte[]> parts) {
        for (int rank = plan.shardWorldSize(); rank < parts.size(); rank++) {
            int shard = plan.sharding().shard(rank);
            if (!Arrays.equals(parts.get(rank), parts.get(shard))) {
                throw new WorldException("replicas_differ", "ranks %d and %d hold shard %d of the model with different weights; start the job again"
                        .formatted(shard, rank, shard));
            }
        }
    }

    /// Bytes of all weights as the source has them.
    static long bytes(ShardPlan plan, WeightSource source) {
        return plan.model().parameters().stream().mapToLong((ParameterSpec p) -> p.numel() * source.type(p).bytes()).sum();
    }
}
