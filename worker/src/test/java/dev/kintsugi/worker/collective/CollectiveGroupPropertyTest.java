package dev.kintsugi.worker.collective;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.collective.GroupConfig.Transport;
import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Whatever the transport and world size: the bits that a plain loop on one rank gives.
class CollectiveGroupPropertyTest {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

    private final TestGroups groups = new TestGroups();

    @AfterEach
    void close() {
        groups.close();
    }

    static Stream<Arguments> cases() {
        long seed = Long.getLong("test.seed", System.nanoTime() & 0xffffff);
        return Stream.of(Transport.values())
                .flatMap(t -> IntStream.rangeClosed(1, 5).boxed().map(w -> Arguments.of(t, w, seed + 31L * w)));
    }

    @ParameterizedTest(name = "{0} worldSize={1} -Dtest.seed={2}")
    @MethodSource("cases")
    void shouldMoveEveryRowToItsPlace(Transport transport, int worldSize, long seed) throws Exception {
        ShardPlan plan = ShardPlanner.plan(RandomModel.of(new Random(seed)), worldSize);
        Ranks.run(worldSize, rank -> {
            try (var group = groups.open(transport, rank, worldSize); var arena = Arena.ofShared()) {
                var full = List.of(group.gatherBuffer("even", numel(plan), DType.F32), group.gatherBuffer("odd", numel(plan), DType.BF16));
                for (int round = 0; round < 3; round++) {
                    group.enterStep(round);
                    for (UnitPlan unit : plan.units()) {
                        var into = full.get(unit.index() % 2);
                        MemorySegment shard = arena.allocate(4 * Math.max(1, unit.shardNumel(rank)), 64);
                        long salt = seed + 100L * round + unit.index();
                        ModelValues.fillShard(unit, rank, salt, shard);
                        group.allGather(unit, shard, into);
                        ModelValues.assertUnsharded(unit, salt, into);
                        group.barrier("checked");
                    }
                }
            }
            return null;
        });
    }

    /// Shards that are bf16 already, such as those of a frozen base, come as they are.
    @ParameterizedTest(name = "{0} worldSize={1} -Dtest.seed={2}")
    @MethodSource("cases")
    void shouldGatherBf16ShardsAsTheyAre(Transport transport, int worldSize, long seed) throws Exception {
        ShardPlan plan = ShardPlanner.plan(RandomModel.of(new Random(seed)), worldSize);
        Ranks.run(worldSize, rank -> {
            try (var group = groups.open(transport, rank, worldSize); var arena = Arena.ofShared()) {
                var into = group.gatherBuffer("full", numel(plan), DType.BF16, DType.BF16);
                for (UnitPlan unit : plan.units()) {
                    long numel = unit.shardNumel(rank);
                    MemorySegment f32 = arena.allocate(4 * Math.max(1, numel), 64);
                    MemorySegment bf16 = arena.allocate(2 * Math.max(1, numel), 64);
                    ModelValues.fillShard(unit, rank, seed + unit.index(), f32);
                    Bf16.narrow(f32, 0, bf16, 0, numel);
                    group.allGather(unit, bf16, into);
                    ModelValues.assertUnsharded(unit, seed + unit.index(), into);
                    group.barrier("checked");
                }
            }
            return null;
        });
    }

    /// Parts of any length, none included, side by side or the same for all; rank 0 fills one buffer while the other's parts are read.
    @ParameterizedTest(name = "{0} worldSize={1} -Dtest.seed={2}")
    @MethodSource("cases")
    void shouldGiveEveryRankItsPartOfAScatter(Transport transport, int worldSize, long seed) throws Exception {
        UnitPlan unit = ShardPlanner.plan(RandomModel.of(new Random(seed)), worldSize).units().getFirst();
        int partMost = 300_000;
        Ranks.run(worldSize, rank -> {
            try (var group = groups.open(transport, rank, worldSize);
                    var even = group.scatterBuffer("even", (long) partMost * worldSize, partMost);
                    var odd = group.scatterBuffer("odd", (long) partMost * worldSize, partMost)) {
                for (int round = 0; round < 6; round++) {
                    var buffer = round % 2 == 0 ? even : odd;
                    long[] ends = ends(new Random(seed + round), worldSize, partMost);
                    boolean sameForAll = round == 4;
                    if (rank == 0) { fill(buffer.segment(), ends[worldSize], round); }
                    MemorySegment part = group.scatter(unit, buffer, new CollectiveGroup.Parts() {
                        @Override
                        public long offset(int r) {
                            return sameForAll ? 0 : ends[r];
                        }

                        @Override
                        public long bytes(int r) {
                            return sameForAll ? ends[1] : ends[r + 1] - ends[r];
                        }
                    });
                    long from = sameForAll ? 0 : ends[rank];
                    assertThat(part.byteSize()).isEqualTo(sameForAll ? ends[1] : ends[rank + 1] - from);
                    for (long i = 0; i < part.byteSize(); i++) {
                        if (part.get(ValueLayout.JAVA_BYTE, i) != value(from + i, round)) { throw new AssertionError("byte " + i + " in round " + round); }
                    }
                }
            }
            return null;
        });
    }

    private static long[] ends(Random random, int worldSize, int partMost) {
        var ends = new long[worldSize + 1];
        for (int r = 0; r < worldSize; r++) { ends[r + 1] = ends[r] + (random.nextInt(4) == 0 ? 0 : random.nextInt(partMost)); }
        return ends;
    }

    private static void fill(MemorySegment segment, long bytes, int round) {
        for (long i = 0; i < bytes; i++) { segment.set(ValueLayout.JAVA_BYTE, i, value(i, round)); }
    }

    private static byte value(long i, int round) {
        return (byte) (i * 31 + i / 251 + round);
    }

    @ParameterizedTest(name = "{0} worldSize={1} -Dtest.seed={2}")
    @MethodSource("cases")
    void shouldAddGradientsInRankOrder(Transport transport, int worldSize, long seed) throws Exception {
        ModelSpec model = RandomModel.of(new Random(seed));
        ShardPlan plan = ShardPlanner.plan(model, worldSize);
        int microbatches = 60; // divisible by every world size here: the chain is then the same for all
        List<float[][]> byRank = Ranks.run(worldSize, rank -> {
            try (var group = groups.open(transport, rank, worldSize); var arena = Arena.ofShared()) {
                var from = group.gradientBuffer("gradient", numel(plan));
                var accumulators = plan.units().stream().map(u -> arena.allocate(4 * Math.max(1, u.shardNumel(rank)), 64))
                        .toList();
                for (int m = rank; m < microbatches; m += worldSize) {
                    for (UnitPlan unit : plan.units()) {
                        ModelValues.fillUnsharded(unit, seed + m, from.segment());
                        group.reduceScatter(unit, from, accumulators.get(unit.index()));
                    }
                }
                return accumulators.stream().map(a -> a.toArray(F32)).toArray(float[][]::new);
            }
        });
        for (UnitPlan unit : plan.units()) {
            for (int rank = 0; rank < worldSize; rank++) {
                ModelValues.assertChain(unit, rank, microbatches, seed, byRank.get(rank)[unit.index()]);
            }
        }
    }

    @ParameterizedTest(name = "{0} worldSize={1}")
    @MethodSource("cases")
    void shouldExchangeMessagesOfAnySize(Transport transport, int worldSize, long seed) throws Exception {
        Ranks.run(worldSize, rank -> {
            try (var group = groups.open(transport, rank, worldSize)) {
                for (int size : new int[]{0, 1, 5, 8095, 8096, 8097, 1 << 16}) {
                    var all = group.exchange("size", (rank + ":" + "x".repeat(size)).substring(0, Math.min(size, 2 + size))
                            .getBytes(StandardCharsets.UTF_8));
                    assertThat(all).hasSize(worldSize);
                    for (int r = 0; r < worldSize; r++) {
                        assertThat(new String(all.get(r), StandardCharsets.UTF_8))
                                .isEqualTo((r + ":" + "x".repeat(size)).substring(0, size));
                    }
                }
                var entries = group.journal().snapshot();
                assertThat(entries).allMatch(e -> e.leftNs() >= e.enteredNs()).extracting(Journal.Entry::kind)
                        .contains("exchange");
            }
            return null;
        });
    }

    private static long numel(ShardPlan plan) {
        return plan.units().stream().mapToLong(UnitPlan::unshardedNumel).max().orElseThrow();
    }
}
