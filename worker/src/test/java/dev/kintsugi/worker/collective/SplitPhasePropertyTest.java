package dev.kintsugi.worker.collective;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.BufferPlan;
import dev.kintsugi.sharding.program.Instruction;
import dev.kintsugi.sharding.program.Instruction.AwaitReduceScatter;
import dev.kintsugi.sharding.program.Instruction.AwaitUnshard;
import dev.kintsugi.sharding.program.Instruction.Backward;
import dev.kintsugi.sharding.program.Instruction.ClaimGradient;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.ReduceScatter;
import dev.kintsugi.sharding.program.Instruction.Reshard;
import dev.kintsugi.sharding.program.Instruction.ShareSums;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import dev.kintsugi.sharding.program.StepProgram;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import dev.kintsugi.worker.collective.CollectiveGroup.GradientBuffer;
import dev.kintsugi.worker.collective.GroupConfig.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The step program on ranks that dawdle at random, its computations replaced by looking at what is gathered and by making gradients: no
/// deadlock, nothing overwritten before it is released, and the sums of one rank.
class SplitPhasePropertyTest {
    private static final int STEPS = 3;
    private static final int MICROBATCHES = 12;

    private final TestGroups groups = new TestGroups();

    @AfterEach
    void close() {
        groups.close();
    }

    static Stream<Arguments> cases() {
        long seed = Long.getLong("test.seed", System.nanoTime() & 0xffffff);
        Stream<Arguments> oneCopy = Stream.of(Transport.values()).flatMap(t -> IntStream.rangeClosed(1, 4).boxed()
                .map(w -> Arguments.of(t, t, Sharding.fullShard(w), w % 2 == 0, seed + 31L * w)));
        return Stream.concat(oneCopy, Stream.of(
                Arguments.of(Transport.SHM, Transport.SHM, Sharding.of(ShardingStrategy.SHARD_GRAD_OP, 3, 0), false, seed),
                Arguments.of(Transport.SHM, Transport.SHM, Sharding.of(ShardingStrategy.NO_SHARD, 3, 0), true, seed + 1),
                Arguments.of(Transport.AERON, Transport.AERON, Sharding.of(ShardingStrategy.NO_SHARD, 2, 0), false, seed + 2),
                Arguments.of(Transport.SHM, Transport.SHM, Sharding.of(ShardingStrategy.HYBRID_SHARD, 4, 2), false, seed + 3),
                Arguments.of(Transport.AERON, Transport.SHM, Sharding.of(ShardingStrategy.HYBRID_SHARD, 4, 2), true, seed + 4),
                Arguments.of(Transport.AERON, Transport.SHM, Sharding.of(ShardingStrategy.HYBRID_SHARD, 6, 3), false, seed + 5),
                Arguments.of(Transport.AERON, Transport.AERON, Sharding.of(ShardingStrategy.HYBRID_SHARD, 4, 2), false, seed + 6),
                Arguments.of(Transport.SHM, Transport.AERON, Sharding.of(ShardingStrategy.HYBRID_SHARD, 4, 2), true, seed + 7)));
    }

    @ParameterizedTest(name = "{0}, gathers {1}, {2} tied={3} -Dtest.seed={4}")
    @MethodSource("cases")
    void shouldKeepTheBitsWhateverTheDelays(Transport transport, Transport gatherTransport, Sharding sharding, boolean tied, long seed)
            throws Exception {
        int worldSize = sharding.worldSize();
        var config = new LlamaConfig(24, 40, 1 + (int) (seed % 4), 4, 2, 6, 133, 64, 1e-6, 10000, new RopeScaling.None(), tied, true, false, 0.05);
        ShardPlan plan = ShardPlanner.plan(ModelSpec.of(config), sharding);
        List<float[][]> byRank = Ranks.run(worldSize, rank -> {
            try (var group = groups.open(transport, rank, sharding, gatherTransport); var arena = Arena.ofShared()) {
                return new DawdlingRank(plan, group, arena, seed).run();
            }
        });
        for (UnitPlan unit : plan.units()) {
            for (int rank = 0; rank < worldSize; rank++) {
                ModelValues.assertChain(unit, rank, STEPS * MICROBATCHES, seed, byRank.get(rank)[unit.index()]);
            }
        }
    }

    private static final class DawdlingRank {
        private final ShardPlan plan;
        private final CollectiveGroup group;
        private final BufferPlan buffers;
        private final long seed;
        private final Random random;
        private final List<GatherBuffer> gathered = new ArrayList<>();
        private final List<GradientBuffer> gradients = new ArrayList<>();
        private final List<MemorySegment> shards;
        private final List<MemorySegment> accumulators;
        private int microbatch;
        private long salt;

        DawdlingRank(ShardPlan plan, CollectiveGroup group, Arena arena, long seed) {
            this.plan = plan;
            this.group = group;
            this.seed = seed;
            this.random = new Random(seed + group.rank());
            buffers = BufferPlan.of(ModelPlan.of(plan), ModelPlan.of(plan).trained(), DType.BF16);
            for (long numel : buffers.gatherSlotNumel()) { gathered.add(group.gatherBuffer("full", numel, gathered.isEmpty() ? DType.F32 : DType.BF16)); }
            for (long numel : buffers.gradientSlotNumel()) { gradients.add(group.gradientBuffer("gradient", numel)); }
            shards = allocate(arena);
            accumulators = allocate(arena);
            for (MemorySegment a : accumulators) { a.fill((byte) 0x77); }      // sums begin afresh
        }

        private List<MemorySegment> allocate(Arena arena) {
            return plan.units().stream().map(u -> arena.allocate(4 * Math.max(1, u.shardNumel(group.rank())), 64)).toList();
        }

        float[][] run() {
            for (int step = 0; step < STEPS; step++) {
                group.enterStep(step);
                salt = seed + 1000L * step;
                for (UnitPlan u : plan.units()) { ModelValues.fillShard(u, group.rank(), salt + u.index(), shards.get(u.index())); }
                for (int m = group.rank(); m < MICROBATCHES; m += group.worldSize()) {
                    microbatch = step * MICROBATCHES + m;
                    for (Instruction i : StepProgram.of(ModelPlan.of(plan)).round()) { execute(i, plan.units().get(i.unit())); }
                }
                for (Instruction i : StepProgram.of(ModelPlan.of(plan)).ending()) { execute(i, plan.units().get(i.unit())); }
            }
            return accumulators.stream().map(a -> a.toArray(ValueLayout.JAVA_FLOAT)).toArray(float[][]::new);
        }

        private void execute(Instruction instruction, UnitPlan unit) {
            GatherBuffer full = gathered.get(buffers.gatherSlot().get(unit.index()));
            GradientBuffer gradient = gradients.get(buffers.gradientSlot().get(unit.index()));
            switch (instruction) {
                case Unshard _ -> group.beginAllGather(unit, shards.get(unit.index()), full);
                case AwaitUnshard _ -> group.awaitAllGather(full);
                case Forward _ -> look(unit, full);
                case Reshard _ -> group.release(full);
                case ClaimGradient _ -> group.claim(gradient);
                case Loss _ -> {
                    look(unit, full);
                    make(unit, gradient);
                }
                case Backward _ -> {
                    if (unit.index() > 0) { look(unit, full); }
                    make(unit, gradient);
                }
                case ReduceScatter _ -> group.beginReduceScatter(unit, gradient, accumulators.get(unit.index()), microbatch == group.rank());
                case AwaitReduceScatter _ -> group.awaitReduceScatter(gradient);
                case ShareSums _ -> {
                    dawdle();
                    group.shareSums(unit, gradient, accumulators.get(unit.index()));
                }
            }
        }

        /// What is unsharded is whole, and stays so as long as this rank takes.
        private void look(UnitPlan unit, GatherBuffer full) {
            ModelValues.assertUnsharded(unit, salt + unit.index(), full);
            if (dawdle()) { ModelValues.assertUnsharded(unit, salt + unit.index(), full); }
        }

        /// Overwrites the slot with rubbish first: whoever still read it would sum that.
        private void make(UnitPlan unit, GradientBuffer gradient) {
            gradient.segment().fill((byte) 0x77);
            dawdle();
            ModelValues.fillUnsharded(unit, seed + microbatch, gradient.segment());
            dawdle();
        }

        private boolean dawdle() {
            boolean slow = random.nextInt(3) == 0;
            if (slow) { LockSupport.parkNanos(random.nextInt(1_500_000)); }
            return slow;
        }
    }
}
