package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.collective.CollectiveGroup.GradientBuffer;
import dev.kintsugi.worker.collective.GroupConfig.Transport;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// All-gather and reduce-scatter between processes of this host, f32, in GB/s: bytes of the unsharded buffer by the time of one call, as
/// `bench/collectives.py` counts them for PyTorch's `all_gather_into_tensor` and `reduce_scatter_tensor` over gloo. No JMH: the unit
/// is a group of processes. Arguments: transport, world size and sizes in MiB; or what it passes to the processes it starts. Prints a line
/// `MIB all-gather|reduce-scatter GB/s` for each round, after a check of what was summed.
public final class CollectiveBenchmark {
    private static final int WARM_UP = 100;
    private static final int ROUNDS = 5;

    private CollectiveBenchmark() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 3) {
            start(Transport.valueOf(arguments[0]), Integer.parseInt(arguments[1]), arguments[2]);
            return;
        }
        int worldSize = Integer.parseInt(arguments[2]);
        try (var group = CollectiveGroups.open(new GroupConfig("benchmark", 1, Integer.parseInt(arguments[1]), worldSize,
                Transport.valueOf(arguments[0]), Path.of(arguments[3]), Path.of(arguments[4]), List.of(arguments[5].split(",")),
                Duration.ofSeconds(60)))) {
            for (String mib : arguments[6].split(",")) { measure(group, Integer.parseInt(mib)); }
        }
    }

    private static void start(Transport transport, int worldSize, String sizes) throws IOException, InterruptedException {
        try (var groups = new TestGroups()) {
            GroupConfig config = groups.config(transport, 0, worldSize, Duration.ofSeconds(60));
            var ranks = new ArrayList<Process>();
            for (int r = 0; r < worldSize; r++) {
                ranks.add(new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx128m", "-XX:+UseSerialGC",
                        "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "--add-exports",
                        "java.base/jdk.internal.misc=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), CollectiveBenchmark.class.getName(),
                        transport.name(), Integer.toString(r), Integer.toString(worldSize), config.shmDirectory().toString(),
                        config.aeronDirectory().toString(), String.join(",", config.dataEndpoints()), sizes).redirectOutput(Redirect.INHERIT)
                        .redirectError(Redirect.DISCARD).start());
            }
            for (Process p : ranks) { p.waitFor(); }
        }
    }

    private static void measure(CollectiveGroup group, int mib) {
        UnitPlan unit = unit(group.worldSize(), mib << 18);
        var full = group.gatherBuffer("full", unit.unshardedNumel(), DType.F32);
        var gradient = group.gradientBuffer("gradient", unit.unshardedNumel());
        try (var arena = Arena.ofShared()) {
            MemorySegment shard = arena.allocate(4 * unit.shardNumel(group.rank()), 64);
            for (long i = 0; i < unit.unshardedNumel(); i++) { gradient.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, 1); }
            for (int i = 0; i < WARM_UP; i++) {
                group.allGather(unit, shard, full);
                reduceScatter(group, unit, gradient, shard);
            }
            for (int round = 0; round < ROUNDS; round++) {
                double gather = gigabytesPerSecond(group, mib, () -> group.allGather(unit, shard, full));
                double reduce = gigabytesPerSecond(group, mib, () -> reduceScatter(group, unit, gradient, shard));
                check(group, shard);
                if (group.rank() == 0) { System.out.printf(Locale.ROOT, "%d all-gather %.3f%n%d reduce-scatter %.3f%n", mib, gather, mib, reduce); }
            }
        }
    }

    /// The sum is the result, as gloo has it; training adds to an accumulator from the second micro-batch on.
    private static void reduceScatter(CollectiveGroup group, UnitPlan unit, GradientBuffer gradient, MemorySegment sum) {
        group.beginReduceScatter(unit, gradient, sum, true);
        group.awaitReduceScatter(gradient);
        group.claim(gradient);
    }

    private static UnitPlan unit(int worldSize, long numel) {
        var parameter = new ParameterSpec("w", List.of(1024L, numel / 1024), new InitRule.Constant(0), true);
        return ShardPlanner.plan(new ModelSpec(null, List.of(new UnitSpec("w", UnitSpec.Kind.BLOCK, List.of(parameter)))), worldSize).units().getFirst();
    }

    private static double gigabytesPerSecond(CollectiveGroup group, int mib, Runnable collective) {
        group.barrier("warm");
        int count = Math.max(8, 1024 / mib);
        long startNs = System.nanoTime();
        for (int i = 0; i < count; i++) { collective.run(); }
        group.barrier("timed");
        return (double) mib * (1 << 20) * count / (System.nanoTime() - startNs);
    }

    /// Every reduction added a one from every rank.
    private static void check(CollectiveGroup group, MemorySegment sum) {
        for (long i = 0; i < sum.byteSize() / 4; i++) {
            float actual = sum.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            if (actual != group.worldSize()) { throw new AssertionError("element %d: %s instead of %s".formatted(i, actual, group.worldSize())); }
        }
    }
}
