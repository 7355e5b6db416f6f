package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.fsdp.UnshardedUnits;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// Puts the first weights into every rank's shards, and proves that all ranks see the same model.
///
/// Only rank 0 reads: one unit at a time into a gather slot, from which every rank gets just its rows. Nothing holds a whole model.
final class StartingWeights {
    private final ShardPlan plan;
    private final CollectiveGroup group;
    private final UnshardedUnits units;

    StartingWeights(ShardPlan plan, CollectiveGroup group, UnshardedUnits units) {
        this.plan = plan;
        this.group = group;
        this.units = units;
    }

    /// @param source null on ranks other than 0
    /// @return rank 0: hex SHA-256 of all parameters as they were read; elsewhere null
    String scatterFromRank0(WeightSource source, ShardBuffers into) {
        MessageDigest digest = group.rank() == 0 ? sha256() : null;
        for (UnitPlan unit : plan.units()) {
            if (group.rank() == 0) {
                for (ParameterPlan p : unit.parameters()) {
                    source.read(p.spec(), units.gatherSlot(unit).segment(), p.unshardedOffset() * DType.F32.bytes());
                }
                update(digest, unit);
            }
            group.scatter(unit, units.gatherSlot(unit), into.parameters().get(unit.index()));
        }
        return digest == null ? null : HexFormat.of().formatHex(digest.digest());
    }

    /// Hex SHA-256 of all parameters in the plan's order, as this rank sees them when gathered: the same for every world size.
    String digest(ShardBuffers state) {
        MessageDigest digest = sha256();
        for (UnitPlan unit : plan.units()) {
            group.allGather(unit, state.parameters().get(unit.index()), units.gatherSlot(unit));
            update(digest, unit);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /// @param expected what rank 0 read, or null
    /// @throws WorldException if ranks do not see the same parameters
    String requireAgreement(ShardBuffers state, String expected) {
        String mine = digest(state);
        List<byte[]> all = group.exchange("parameter digests", (expected == null ? mine : expected).getBytes(StandardCharsets.UTF_8));
        for (int rank = 0; rank < all.size(); rank++) {
            String theirs = new String(all.get(rank), StandardCharsets.UTF_8);
            if (!theirs.equals(mine)) {
                throw new WorldException("weights_differ", "ranks %d and %d hold different weights after the start: sha256 %s and %s; start the job again"
                        .formatted(group.rank(), rank, mine, theirs));
            }
        }
        return mine;
    }

    private void update(MessageDigest digest, UnitPlan unit) {
        MemorySegment slot = units.gatherSlot(unit).segment();
        for (ParameterPlan p : unit.parameters()) {
            long offset = p.unshardedOffset() * DType.F32.bytes();
            long bytes = p.spec().numel() * DType.F32.bytes();
            for (long done = 0; done < bytes; done += 1 << 30) {
                digest.update(slot.asSlice(offset + done, Math.min(1 << 30, bytes - done)).asByteBuffer());
            }
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }
}
