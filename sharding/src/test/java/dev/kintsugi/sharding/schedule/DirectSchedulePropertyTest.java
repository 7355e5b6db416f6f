package dev.kintsugi.sharding.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.schedule.DirectSchedule.Collective;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DirectSchedulePropertyTest {
    static Stream<Arguments> worlds() {
        long seed = Long.getLong("test.seed", System.nanoTime() & 0xffffff);
        return IntStream.rangeClosed(1, 16).mapToObj(w -> Arguments.of(w, seed + w));
    }

    @ParameterizedTest(name = "worldSize={0}")
    @MethodSource("worlds")
    void shouldBringEveryRowToEveryRankThatNeedsItOnce(int worldSize, long seed) {
        for (Collective collective : Collective.values()) {
            var seen = new HashSet<Transfer>();
            for (int rank = 0; rank < worldSize; rank++) {
                for (Transfer t : DirectSchedule.sends(collective, rank, worldSize)) {
                    assertThat(t.from()).isEqualTo(rank);
                    assertThat(seen.add(t)).as("%s sent once", t).isTrue();
                    assertThat(DirectSchedule.receives(collective, t.to(), worldSize)).contains(t);
                }
            }
            for (int rank = 0; rank < worldSize; rank++) { assertThat(missing(collective, rank, worldSize, seen)).isEmpty(); }
        }
    }

    private static List<Transfer> missing(Collective collective, int to, int worldSize, HashSet<Transfer> sent) {
        return IntStream.range(0, worldSize).filter(from -> from != to && (collective != Collective.SCATTER || from == 0))
                .mapToObj(from -> new Transfer(from, to, collective == Collective.ALL_GATHER ? from : to)).filter(t -> !sent.contains(t)).toList();
    }

    @ParameterizedTest(name = "worldSize={0} -Dtest.seed={1}")
    @MethodSource("worlds")
    void shouldTakeEveryElementFromAllRanksInOrder(int worldSize, long seed) {
        var random = new Random(seed);
        for (int round = 0; round < 20; round++) {
            int total = random.nextInt(50);
            var turns = new ReduceTurns(worldSize, 1 + random.nextInt(9));
            var nextSource = new int[total];
            for (turns.begin(total); !turns.isDone(); turns.next()) {
                for (int i = (int) turns.from(); i < turns.to(); i++) {
                    if (nextSource[i]++ != turns.source()) { throw new AssertionError("element %d at %s".formatted(i, turns.source())); }
                }
            }
            assertThat(nextSource).isEqualTo(IntStream.generate(() -> worldSize).limit(total).toArray());
        }
    }

    /// Ranks that run at random speeds through several reductions over streams that hold a single message: somebody can always move.
    @ParameterizedTest(name = "worldSize={0} -Dtest.seed={1}")
    @MethodSource("worlds")
    void shouldNeverDeadlockUnderBackPressure(int worldSize, long seed) {
        var random = new Random(seed);
        for (int round = 0; round < 20; round++) {
            int[] rows = random.ints(worldSize, 0, 12).toArray();        // messages of each rank's shard; some have none
            var world = new World(worldSize, rows, 1 + random.nextInt(2), 1 + random.nextInt(4), 3);
            while (!world.isDone()) {
                if (!world.moveSomebody(random)) { throw new AssertionError("stuck: " + world); }
            }
        }
    }

    /// Ranks as state machines. `inFlight[from][to]` counts messages in a stream; the sender may be collectives ahead.
    private static final class World {
        private final int worldSize;
        private final int[] rows;
        private final int capacity;
        private final int collectives;
        private final int[][] inFlight;
        private final int[][] sent;
        private final int[] collective;
        private final List<ReduceTurns> turns = new ArrayList<>();
        private final int[] takenOfTurn;

        World(int worldSize, int[] rows, int capacity, int window, int collectives) {
            this.worldSize = worldSize;
            this.rows = rows;
            this.capacity = capacity;
            this.collectives = collectives;
            inFlight = new int[worldSize][worldSize];
            sent = new int[worldSize][worldSize];
            collective = new int[worldSize];
            takenOfTurn = new int[worldSize];
            for (int r = 0; r < worldSize; r++) {
                turns.add(new ReduceTurns(worldSize, window));
                turns.get(r).begin(rows[r]);
            }
        }

        boolean isDone() {
            return IntStream.of(collective).allMatch(c -> c == collectives);
        }

        /// One random rank that can move makes one random move.
        boolean moveSomebody(Random random) {
            int first = random.nextInt(worldSize);
            for (int i = 0; i < worldSize; i++) {
                int rank = (first + i) % worldSize;
                if (collective[rank] < collectives && move(rank, random)) { return true; }
            }
            return false;
        }

        private boolean move(int rank, Random random) {
            return finish(rank) || (random.nextBoolean() ? send(rank, random) || take(rank) : take(rank) || send(rank, random));
        }

        private boolean send(int rank, Random random) {
            int first = random.nextInt(worldSize);
            for (int i = 0; i < worldSize; i++) {
                int to = (first + i) % worldSize;
                if (to != rank && sent[rank][to] < rows[to] && inFlight[rank][to] < capacity) {
                    sent[rank][to]++;
                    inFlight[rank][to]++;
                    return true;
                }
            }
            return false;
        }

        private boolean take(int rank) {
            ReduceTurns mine = turns.get(rank);
            if (mine.isDone()) { return false; }
            if (mine.source() == rank) {
                mine.next();
                return true;
            }
            if (inFlight[mine.source()][rank] == 0) { return false; }
            inFlight[mine.source()][rank]--;
            takenOfTurn[rank]++;
            if (takenOfTurn[rank] == mine.to() - mine.from()) {
                takenOfTurn[rank] = 0;
                mine.next();
            }
            return true;
        }

        private boolean finish(int rank) {
            boolean sentAll = IntStream.range(0, worldSize).allMatch(to -> to == rank || sent[rank][to] == rows[to]);
            if (!sentAll || !turns.get(rank).isDone()) { return false; }
            collective[rank]++;
            sent[rank] = new int[worldSize];
            turns.get(rank).begin(rows[rank]);
            return true;
        }

        @Override
        public String toString() {
            return "worldSize=%d capacity=%d rows=%s collective=%s".formatted(worldSize, capacity, Arrays.toString(rows),
                    Arrays.toString(collective));
        }
    }
}
