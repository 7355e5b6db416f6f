package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.agent.ParentWatch;
import dev.kintsugi.worker.collective.GroupConfig.Transport;
import dev.kintsugi.worker.failure.WorldException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;

/// A rank as a process of its own: sums gradients and gathers the sums, again and again, and prints a digest of what it gathered.
///
/// Arguments: transport, rank, world size, micro-batches, shared-memory directory, Aeron directory, endpoints with commas.
public final class GroupProcess {
    static final int PEER_LOST = 42;

    private GroupProcess() {}

    public static void main(String[] arguments) {
        ParentWatch.exitOnEof(System.in, 9);
        int worldSize = Integer.parseInt(arguments[2]);
        var config = new GroupConfig("processes", 1, Integer.parseInt(arguments[1]), worldSize, Transport.valueOf(arguments[0]),
                Path.of(arguments[4]), Path.of(arguments[5]), List.of(arguments[6].split(",")).subList(0, worldSize), Duration.ofSeconds(20));
        try (var group = CollectiveGroups.open(config)) {
            System.out.println("digest " + sumAndGather(group, Integer.parseInt(arguments[3])));
        } catch (WorldException e) {
            System.out.println(e.code() + " " + e.getMessage());
            System.out.flush();
            Runtime.getRuntime().halt(PEER_LOST);
        }
    }

    private static long sumAndGather(CollectiveGroup group, int microbatches) {
        ShardPlan plan = ShardPlanner.plan(RandomModel.of(new Random(5)), group.worldSize());
        long numel = plan.units().stream().mapToLong(UnitPlan::unshardedNumel).max().orElseThrow();
        var gradient = group.gradientBuffer("gradient", numel);
        var full = group.gatherBuffer("full", numel, DType.F32);
        long digest = 0;
        try (var arena = Arena.ofShared()) {
            for (UnitPlan unit : plan.units()) {
                MemorySegment accumulator = arena.allocate(4 * Math.max(1, unit.shardNumel(group.rank())), 64);
                for (int m = group.rank(); m < microbatches; m += group.worldSize()) {
                    fill(unit, m, gradient.segment());
                    group.reduceScatter(unit, gradient, accumulator);
                    if (m == group.rank()) { System.out.println("working"); }
                }
                group.allGather(unit, accumulator, full);
                digest = digest(unit, full.segment(), digest);
                group.barrier("read");
            }
        }
        return digest;
    }

    private static void fill(UnitPlan unit, int microbatch, MemorySegment unsharded) {
        for (var p : unit.parameters()) {
            for (long e = 0; e < p.spec().numel(); e++) {
                unsharded.setAtIndex(ValueLayout.JAVA_FLOAT, p.unshardedOffset() + e, (float) Math.sin(1e3 * microbatch + e) * (1 << microbatch % 20));
            }
        }
    }

    private static long digest(UnitPlan unit, MemorySegment unsharded, long seed) {
        long digest = seed;
        for (var p : unit.parameters()) {
            for (long e = 0; e < p.spec().numel(); e++) {
                digest = digest * 31 + Float.floatToRawIntBits(unsharded.getAtIndex(ValueLayout.JAVA_FLOAT, p.unshardedOffset() + e));
            }
        }
        return digest;
    }
}
