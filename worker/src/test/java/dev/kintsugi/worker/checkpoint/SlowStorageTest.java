package dev.kintsugi.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.sharding.estimate.SnapshotPool;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.Storages;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Storage that stands still, fails or is full costs a checkpoint at most, never a step, and leaves nothing behind.
@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SlowStorageTest {
    private static final long PIECE_BYTES = 16 << 10;

    @TempDir
    Path directory;

    private final SavedModel model = SavedModel.wide(4, 40_000);            // 1.92 MB of state
    private final ShardPlan plan = model.plan(1);
    private final ShardBuffers state = model.filled(plan, 0);
    private final BlockingQueue<CheckpointVote> votes = new LinkedBlockingQueue<>();
    private volatile long hostSpareBytes = Long.MAX_VALUE;
    private TestStorage storage;
    private CheckpointWriter writer;

    @BeforeEach
    void open() {
        storage = new TestStorage(Storages.of(StoragePath.of(directory)));
        writer = writer(pieces() + 1);
    }

    private StoragePath checkpoints() {
        return StoragePath.of(directory.resolve("checkpoints"));
    }

    private CheckpointWriter writer(long slots) {
        return new CheckpointWriter(storage, checkpoints(), plan, 0, OptimizerState.ADAMW, true,
                new SnapshotPool(pieces(), PIECE_BYTES, slots), () -> hostSpareBytes);
    }

    @AfterEach
    void close() throws InterruptedException {
        storage.goOn();
        writer.close();
        while (!writer.isIdle()) { Thread.sleep(1); }           // or it would write into a directory that is being removed
    }

    @Test
    void shouldSaveTheMomentsStateThroughAStandstillWhenThePoolHoldsAllOfIt() throws Exception {
        storage.standStill();
        save(7);
        for (int step = 0; step < 3; step++) { update(); }
        assertThat(votes).isEmpty();
        storage.goOn();
        CheckpointVote vote = vote();
        assertThat(vote.getFailure()).isEmpty();
        assertRestorable(7, vote, model.filled(plan, 0));
    }

    @Test
    void shouldTakeNoMoreThanTheHostHasToSpareAndSayThatItWasTheHost() throws Exception {
        hostSpareBytes = PIECE_BYTES - 1;
        storage.standStill();
        save(7);
        update();
        assertThat(vote().getFailure()).contains("this host has no memory left to keep more than").contains("use more hosts");
        assertThat(writer.allocatedBytes()).isLessThanOrEqualTo(2 * PIECE_BYTES);
    }

    @Test
    void shouldSaveThroughTwoSlotsWhenTheHostHasNothingToSpareAndNoStepComes() throws Exception {
        hostSpareBytes = 0;
        save(7);
        CheckpointVote vote = vote();
        assertThat(vote.getFailure()).isEmpty();
        assertRestorable(7, vote, model.filled(plan, 0));
    }

    @Test
    void shouldGiveUpWhenThePoolIsFullAndSaveWithTwiceAsMuchTheNextTime() throws Exception {
        writer.close();
        writer = writer(5);
        storage.standStill();
        save(7);
        long startNs = System.nanoTime();
        update();
        assertThat(Duration.ofNanos(System.nanoTime() - startNs)).as("training does not wait for storage").isLessThan(Duration.ofSeconds(5));
        CheckpointVote vote = vote();
        assertThat(vote.getFailure()).isEqualTo("storage took 0 bytes of 1.9 MB during a step; the next save may keep twice as much in memory");
        writer.abandon(7);
        assertThat(writer.save(state, SavedModel.training(8), votes::add)).as("one in flight, as long as storage holds the last").isFalse();
        storage.goOn();
        writer.awaitIdle();
        assertThat(files()).isEmpty();
        for (long slots = 5, step = 8; slots <= pieces(); slots = 2 * slots - 1, step++) {
            storage.standStill();
            save(step);
            update();
            boolean all = 2 * slots - 1 > pieces();
            storage.goOn();
            assertThat(vote().getFailure().isEmpty()).as("with %d slots", 2 * slots - 1).isEqualTo(all);
            writer.awaitIdle();
        }
    }

    /// Weights, and moments twice as large.
    private long pieces() {
        return Math.ceilDiv(Float.BYTES * plan.shardNumel(0), PIECE_BYTES) + Math.ceilDiv(2 * Float.BYTES * plan.shardNumel(0), PIECE_BYTES);
    }

    @Test
    void shouldVoteTheReasonAndLeaveNothingWhenStorageFails() throws Exception {
        for (long bytes : new long[] {0, 100, 300_000, 700_000, 1_900_000}) {
            storage.failAfter(bytes);
            save(7);
            assertThat(vote().getFailure()).isEqualTo("%s/checkpoints/step-00000007: No space left on device; free space or permit writing there", directory);
            assertThat(files()).isEmpty();
        }
        storage.failAfter(Long.MAX_VALUE);
        save(8);
        assertRestorable(8, vote(), model.filled(plan, 0));
    }

    @Test
    void shouldSayBeforeWritingThatSpaceIsTooLittle() throws Exception {
        storage.pretendFree(1_500_000);
        save(7);
        assertThat(vote().getFailure()).isEqualTo("%s/step-00000007: 1.9 MB are to be written and 1.5 MB are free; free space or permit writing there",
                checkpoints());
        assertThat(files()).isEmpty();
        try (var bold = new CheckpointWriter(storage, checkpoints(), plan, 0, OptimizerState.ADAMW, false,
                SnapshotPool.of(plan, 0, OptimizerState.ADAMW), () -> hostSpareBytes)) {
            bold.save(state, SavedModel.training(8), votes::add);
            assertThat(vote().getFailure()).isEmpty();
        }
    }

    @Test
    void shouldStopAndRemoveWhatOthersGaveUp() throws Exception {
        storage.standStill();
        save(7);
        writer.abandon(7);
        storage.goOn();
        writer.awaitIdle();
        assertThat(files()).isEmpty();
        save(8);
        assertThat(vote().getStep()).as("nobody hears of step 7 again").isEqualTo(8);
        writer.abandon(8);
        writer.awaitIdle();
        assertThat(files()).as("files of a save that was written whole").isEmpty();
    }

    @Test
    void shouldReadBackWhatItWroteAndNameTheBytesThatChanged() throws Exception {
        save(7);
        vote();
        assertThat(readBack(7)).isEmpty();
        for (String name : List.of("model", "optimizer")) {
            Path file = checkpoints().toPath().resolve("step-00000007/%s/shard-00001-model-00001-of-00001.safetensors".formatted(name));
            byte[] content = Files.readAllBytes(file);
            content[content.length - 1] ^= 1;
            Files.write(file, content);
            assertThat(readBack(7)).startsWith("rank 0 reads %s back other than it was written: bytes [%d, %d) are not what was written: expected=crc32c "
                    .formatted(file, content.length - 1 & -1 << 20, content.length)).endsWith("; check the storage, and the host's memory");
            content[content.length - 1] ^= 1;
            Files.write(file, content);
            Path digests = Path.of(file + ".crc32c");
            String text = Files.readString(digests);
            Files.writeString(digests, text.replace('1', '2'));
            assertThat(readBack(7)).startsWith("rank 0 reads %s back other than it was written: its digests, %s, ".formatted(file, digests));
            Files.writeString(digests, text);
        }
        Files.delete(checkpoints().toPath().resolve("step-00000007/model/shard-00001-model-00001-of-00001.safetensors"));
        assertThat(readBack(7)).contains("it has 0 bytes, and 64");
        writer.verify(6, result -> { throw new AssertionError("nobody asked for step 6"); });
        writer.awaitIdle();
    }

    private String readBack(long step) throws InterruptedException {
        var results = new LinkedBlockingQueue<String>();
        writer.verify(step, results::add);
        return results.poll(10, TimeUnit.SECONDS);
    }

    @Test
    void shouldEndWithoutWaitingForStorage() {
        storage.standStill();
        save(7);
        writer.close();
        assertThat(writer.isIdle()).isFalse();
    }

    @Test
    void shouldGiveItsMemoryBackAfterEachSave() throws Exception {
        long before = directMemory();
        for (int step = 1; step <= 5; step++) {
            save(step);
            update();
            vote();
            writer.awaitIdle();
            assertThat(directMemory()).isEqualTo(before);
        }
        assertThat(writer.allocatedBytes()).isBetween(PIECE_BYTES, (pieces() + 1) * PIECE_BYTES);
    }

    private static long directMemory() {
        return java.lang.management.ManagementFactory.getPlatformMXBeans(java.lang.management.BufferPoolMXBean.class).stream()
                .filter(b -> b.getName().equals("direct")).findFirst().orElseThrow().getTotalCapacity();
    }

    private void save(long step) {
        assertThat(writer.save(state, SavedModel.training(step), votes::add)).isTrue();
    }

    private CheckpointVote vote() throws InterruptedException {
        CheckpointVote vote = votes.poll(10, TimeUnit.SECONDS);
        assertThat(vote).as("a vote in time").isNotNull();
        return vote;
    }

    /// As the optimizer does it.
    private void update() {
        for (int unit = 0; unit < plan.units().size(); unit++) {
            writer.beforeUpdate(unit);
            int index = unit;
            state.parameters().get(unit).fill((byte) unit);
            state.slots().forEach(slot -> slot.get(index).fill((byte) index));
        }
    }

    private void assertRestorable(long step, CheckpointVote vote, ShardBuffers expected) throws Exception {
        CheckpointReader reader = CheckpointReader
                .open(StoragePath.of(SavedModel.commit(directory, plan, SavedModel.training(step), vote.getFilesList())));
        ShardBuffers restored = model.empty(plan, 0);
        reader.restore(restored);
        for (int unit = 0; unit < plan.units().size(); unit++) {
            assertThat(restored.parameters().get(unit).mismatch(expected.parameters().get(unit))).isEqualTo(-1);
            for (int slot = 0; slot < expected.slots().size(); slot++) {
                assertThat(restored.slots().get(slot).get(unit).mismatch(expected.slots().get(slot).get(unit))).isEqualTo(-1);
            }
        }
    }

    private List<Path> files() throws Exception {
        try (Stream<Path> walk = Files.walk(directory)) { return walk.filter(Files::isRegularFile).toList(); }
    }
}
