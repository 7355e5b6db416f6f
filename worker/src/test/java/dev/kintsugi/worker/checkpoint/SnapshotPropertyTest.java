package dev.kintsugi.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.estimate.SnapshotPool;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.checkpoint.Snapshot.Taking;
import dev.kintsugi.worker.checkpoint.StatePieces.Piece;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whatever the order in which the taking, the writing and the training thread come to act, what is written is the state of the snapshot's moment, bit for
/// bit, or the snapshot is lost because the pool was full.
class SnapshotPropertyTest {
    private static final int ROUNDS = 3000;

    private int preserved;
    private int ahead;
    private int lost;
    private int completeAfterUpdates;

    @Test
    void shouldHoldTheMomentsStateInAnyOrderOfTheThreadsSteps() {
        for (int round = 0; round < ROUNDS; round++) { interleave(Long.getLong("test.seed", round)); }
        assertThat(preserved).as("pieces copied before an update").isGreaterThan(ROUNDS);
        assertThat(ahead).as("pieces copied ahead of the writer").isGreaterThan(ROUNDS);
        assertThat(lost).as("snapshots lost").isGreaterThan(ROUNDS / 20);
        assertThat(completeAfterUpdates).as("snapshots complete although training went on").isGreaterThan(ROUNDS / 20);
    }

    private void interleave(long seed) {
        var random = new Random(seed);
        SavedModel model = SavedModel.random(seed);
        ShardPlan plan = model.plan(1 + random.nextInt(3));
        int rank = random.nextInt(plan.worldSize());
        ShardBuffers state = model.filled(plan, rank);
        SnapshotPool size = pool(random, plan, rank);
        StatePieces pieces = StatePieces.of(plan, rank, state.optimizer(), size.pieceBytes());
        byte[] expected = bytes(state);
        int trainingWeight = random.nextInt(4);
        int updates = 0;
        int holding = 0;
        var written = new ByteArrayOutputStream();
        try (var snapshot = new Snapshot(pieces, state, size, () -> Long.MAX_VALUE)) {
            for (int next = 0, unit = 0; next < pieces.count();) {
                int choice = random.nextInt(8 + trainingWeight);
                if (choice < 4) {
                    if (snapshot.takeNext() == Taking.TOOK) {
                        ahead++;
                        holding++;
                    }
                } else if (choice < 8) {
                    Piece piece = pieces.get(next);
                    if (!snapshot.isHeld(piece)) { continue; }
                    written.writeBytes(awaited(snapshot, piece));
                    snapshot.written(piece);
                    holding--;
                    next++;
                } else {
                    int liveBefore = live(snapshot, pieces);
                    if (!snapshot.preserve(unit)) {
                        assertThat(holding + liveBefore).as("seed=%d: it was lost although there was room", seed).isGreaterThan((int) size.slots());
                        lost++;
                        return;
                    }
                    int copied = liveBefore - live(snapshot, pieces);
                    preserved += copied;
                    holding += copied;
                    change(state, unit, random);
                    updates++;
                    unit = (unit + 1) % plan.units().size();
                }
            }
        }
        assertThat(written.toByteArray()).as("seed=%d", seed).isEqualTo(expected);
        if (updates > 0) { completeAfterUpdates++; }
    }

    private static SnapshotPool pool(Random random, ShardPlan plan, int rank) {
        long pieceBytes = 1 + random.nextInt(300);
        long pieces = StatePieces.of(plan, rank, OptimizerState.ADAMW, pieceBytes).count();
        return new SnapshotPool(pieces, pieceBytes, pieces == 0 ? 0 : Math.min(pieces + 1, 2 + random.nextInt(12)));
    }

    private static int live(Snapshot snapshot, StatePieces pieces) {
        int live = 0;
        for (int i = 0; i < pieces.count(); i++) { live += snapshot.isHeld(pieces.get(i)) ? 0 : 1; }
        return live;
    }

    private static byte[] awaited(Snapshot snapshot, Piece piece) {
        try {
            return snapshot.await(piece).toArray(ValueLayout.JAVA_BYTE);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] bytes(ShardBuffers state) {
        var bytes = new ByteArrayOutputStream();
        for (List<MemorySegment> kind : kinds(state)) {
            for (MemorySegment s : kind) { bytes.writeBytes(s.toArray(ValueLayout.JAVA_BYTE)); }
        }
        return bytes.toByteArray();
    }

    private static void change(ShardBuffers state, int unit, Random random) {
        for (List<MemorySegment> kind : kinds(state)) { kind.get(unit).fill((byte) random.nextInt()); }
    }

    private static List<List<MemorySegment>> kinds(ShardBuffers state) {
        var kinds = new ArrayList<>(List.of(state.parameters()));
        kinds.addAll(state.slots());
        return kinds;
    }

    /// With real threads, so that a copy may be torn by an update: then it must be thrown away.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void shouldNotWriteWhatAnUpdateToreApart(long seed) throws Exception {
        SavedModel model = SavedModel.wide(3, 200_000);
        ShardPlan plan = model.plan(1);
        ShardBuffers state = model.filled(plan, 0);
        StatePieces pieces = StatePieces.of(plan, 0, state.optimizer(), 16 << 10);
        var random = new Random(seed);
        for (int round = 0; round < 20; round++) {
            byte[] expected = bytes(state);
            var written = new ByteArrayOutputStream();
            try (var snapshot = new Snapshot(pieces, state, new SnapshotPool(pieces.count(), 16 << 10, pieces.count() + 1), () -> Long.MAX_VALUE)) {
                var failure = new AtomicReference<Throwable>();
                Thread taking = start(() -> take(snapshot), failure);
                Thread writing = start(() -> write(snapshot, pieces, written), failure);
                Thread.sleep(0, random.nextInt(900_000));
                for (int unit = 0; unit < plan.units().size(); unit++) {
                    assertThat(snapshot.preserve(unit)).isTrue();
                    change(state, unit, random);
                }
                taking.join();
                writing.join();
                assertThat(failure.get()).isNull();
            }
            assertThat(written.toByteArray()).as("seed=%d round=%d", seed, round).isEqualTo(expected);
        }
    }

    private static Thread start(Runnable work, AtomicReference<Throwable> failure) {
        Thread thread = new Thread(work);
        thread.setUncaughtExceptionHandler((_, e) -> failure.set(e));
        thread.start();
        return thread;
    }

    private static void take(Snapshot snapshot) {
        while (snapshot.takeNext() != Taking.NOTHING_LEFT) { Thread.onSpinWait(); }
    }

    private static void write(Snapshot snapshot, StatePieces pieces, ByteArrayOutputStream into) {
        for (int i = 0; i < pieces.count(); i++) {
            into.writeBytes(awaited(snapshot, pieces.get(i)));
            snapshot.written(pieces.get(i));
        }
    }
}
