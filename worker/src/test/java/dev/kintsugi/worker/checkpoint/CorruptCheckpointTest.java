package dev.kintsugi.worker.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.manifest.ChunkDigests;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.Storages;
import dev.kintsugi.worker.failure.CallerException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorruptCheckpointTest {
    @TempDir
    Path outputDir;

    private final SavedModel model = SavedModel.random(2);
    private Path earlier;
    private Path dir;
    private Path shard;

    @BeforeEach
    void save() throws Exception {
        earlier = model.save(outputDir, 2, 4);
        dir = model.save(outputDir, 2, 8);
        shard = dir.resolve("model/shard-00001-model-00001-of-00001.safetensors");
    }

    @Test
    void shouldNameAMissingShardAndTheCheckpointBefore() throws Exception {
        long bytes = Files.size(shard);
        Files.delete(shard);
        assertCorrupt(("checkpoint file is missing: rank=0 step=8 file=%s expected=%d bytes actual=no file; "
                + "resume with --resume_from_checkpoint %s, the checkpoint before it").formatted(shard, bytes, earlier));
    }

    @Test
    void shouldNameMissingAndTruncatedDigests() throws Exception {
        Path digests = Path.of(shard + ".crc32c");
        Files.writeString(digests, Files.readString(digests).substring(3));
        assertThatThrownBy(this::restore).isInstanceOf(CorruptShardException.class).hasMessageStartingWith("checkpoint file has altered digests, "
                + "model/shard-00001-model-00001-of-00001.safetensors.crc32c: rank=0 step=8 file=%s expected=sha256 ".formatted(shard));
        Files.delete(digests);
        assertThatThrownBy(this::restore).isInstanceOf(CorruptShardException.class).hasMessageStartingWith("checkpoint file has lost its digests, "
                + "model/shard-00001-model-00001-of-00001.safetensors.crc32c: rank=0 step=8 file=%s expected=sha256 ".formatted(shard));
    }

    @Test
    void shouldNameATruncatedShard() throws Exception {
        long bytes = Files.size(shard);
        try (var file = new RandomAccessFile(shard.toFile(), "rw")) { file.setLength(bytes - 1); }
        assertCorrupt(("checkpoint file has another size: rank=0 step=8 file=%s expected=%d bytes actual=%d bytes; "
                + "resume with --resume_from_checkpoint %s, the checkpoint before it").formatted(shard, bytes, bytes - 1, earlier));
    }

    @Test
    void shouldFindASingleFlippedBitAnywhereInAnyFile() throws Exception {
        var random = new Random(Long.getLong("test.seed", 3));
        try (Stream<Path> files = Files.walk(dir)) {
            for (Path file : files.filter(Files::isRegularFile).filter(f -> !f.endsWith("manifest.json")).toList()) {
                long bytes = Files.size(file);
                for (long at : new long[] {0, 9, random.nextLong(bytes), random.nextLong(bytes), bytes - 1}) {
                    flip(file, at);
                    assertThatThrownBy(this::restore).as("%s byte %d", file, at).isInstanceOf(CorruptShardException.class)
                            .hasMessageContaining("rank=%d step=8 file=%s expected=", file.toString().contains("shard-00001") ? 0 : 1,
                                    file.toString().replace(".crc32c", ""));
                    flip(file, at);
                }
            }
        }
        restore();
    }

    @Test
    void shouldNameTheBytesAndTheTensorsThatWereAltered() throws Exception {
        SavedModel large = SavedModel.wide(2, 400_000);
        dir = large.save(outputDir.resolve("large"), 1, 5);
        shard = dir.resolve("optimizer/shard-00001-model-00001-of-00001.safetensors");
        flip(shard, 3_000_000);
        assertThat(verify()).singleElement().asString().startsWith("checkpoint file was altered in bytes [2097152, 3145728), which hold state.u1.p.exp_avg: "
                + "rank=0 step=5 file=%s expected=crc32c ".formatted(shard));
        flip(shard, 3_000_000);
        flip(shard, 100);
        assertThat(verify()).singleElement().asString().startsWith("checkpoint file was altered in bytes [0, 1048576), which hold the header: ");
        flip(shard, 100);
        flip(shard, 1 << 20);
        assertThat(verify()).singleElement().asString().contains("bytes [1048576, 2097152), which hold state.u0.p.exp_avg, state.u1.p.exp_avg: ");
        flip(shard, 1 << 20);
        assertThat(verify()).isEmpty();
    }

    private List<String> verify() throws InterruptedException {
        return CheckpointVerifier.verify(CheckpointDirectory.open(StoragePath.of(dir)), 2, _ -> {});
    }

    @Test
    void shouldReadOnlyTheChunksThatCoverTheRowsItNeeds() throws Exception {
        SavedModel large = SavedModel.wide(2, 1_000_000);
        dir = large.save(outputDir.resolve("large"), 1, 5);
        shard = dir.resolve("model/shard-00001-model-00001-of-00001.safetensors");
        flip(shard, Files.size(shard) - 1);
        CheckpointDirectory checkpoint = CheckpointDirectory.open(StoragePath.of(dir));
        try (var buffer = new ChunkBuffer(checkpoint.path()); var reader = CheckedShard.model(checkpoint, 0, buffer); Arena arena = Arena.ofConfined()) {
            MemorySegment rows = arena.allocate(400 * 8_000);
            reader.read("u1.p", 0, 8_000, rows, 0);
            for (long e = 0; e < 800_000; e++) {
                assertThat(rows.getAtIndex(ValueLayout.JAVA_INT, e)).isEqualTo(large.bits(0, "u1.p", e));
            }
            assertThatThrownBy(() -> reader.read("u1.p", 8_000, 2_000, rows, 0)).isInstanceOf(CorruptShardException.class);
        }
        var storage = new TestStorage(Storages.of(checkpoint.path()));
        byte[] digests = Files.readAllBytes(Path.of(shard + ".crc32c"));
        try (var buffer = new ChunkBuffer(checkpoint.path()); Arena arena = Arena.ofConfined();
                CheckedFile file = CheckedFile.open(storage, StoragePath.of(shard), ChunkDigests.parse(new String(digests, UTF_8)), buffer)) {
            MemorySegment bytes = arena.allocate(2 << 20);
            file.read(1_500_000, bytes);
            assertThat(storage.bytesRead()).as("chunks 1 to 3").isEqualTo(3 << 20);
            file.read(1_500_000 + (2 << 20), bytes.asSlice(0, 1000));
            assertThat(storage.bytesRead()).as("the last one is still in the buffer").isEqualTo(3 << 20);
        }
    }

    private static void flip(Path of, long at) throws Exception {
        try (var file = new RandomAccessFile(of.toFile(), "rw")) {
            file.seek(at);
            int b = file.read();
            file.seek(at);
            file.write(b ^ 4);
        }
    }

    @Test
    void shouldSayToStartAgainWhenNothingEarlierIsLeft() throws Exception {
        Files.delete(earlier.resolve("manifest.json"));
        Files.delete(shard);
        assertThatThrownBy(this::restore).hasMessageEndingWith("there is no earlier checkpoint beside it, so train from the start");
    }

    @Test
    void shouldNotReadFilesItDoesNotNeed() throws Exception {
        Files.delete(dir.resolve("optimizer/shard-00002-model-00001-of-00001.safetensors"));
        CheckpointReader.open(StoragePath.of(dir)).restore(model.empty(model.plan(2), 0));
        assertThatThrownBy(() -> CheckpointReader.open(StoragePath.of(dir)).restore(model.empty(model.plan(2), 1)))
                .isInstanceOf(CorruptShardException.class).hasMessageContaining("rank=1");
    }

    @Test
    void shouldRefuseACheckpointOfAnotherModel() {
        SavedModel other = SavedModel.random(77);
        assertThatThrownBy(() -> CheckpointReader.open(StoragePath.of(dir)).restore(other.empty(other.plan(1), 0))).isInstanceOf(CallerException.class)
                .hasMessageStartingWith(dir + ": parameter 'u0.p0' has shape ")
                .hasMessageEndingWith("; resume with the model that it was saved from");
    }

    @Test
    void shouldNameADamagedManifest() throws Exception {
        String json = Files.readString(dir.resolve("manifest.json"));
        Files.writeString(dir.resolve("manifest.json"), json.substring(0, json.length() / 2));
        assertThatThrownBy(() -> CheckpointReader.open(StoragePath.of(dir))).isInstanceOf(CallerException.class)
                .hasMessageStartingWith(dir.resolve("manifest.json") + " is not valid JSON");
        Files.write(dir.resolve("manifest.json"), new byte[] {(byte) 0xff, (byte) 0xfe, 0});
        assertThatThrownBy(() -> CheckpointReader.open(StoragePath.of(dir))).hasMessageContaining("manifest.json is not UTF-8 text");
    }

    private void assertCorrupt(String message) {
        assertThatThrownBy(this::restore).isInstanceOf(CorruptShardException.class).hasMessage(message)
                .extracting(e -> ((CorruptShardException) e).code()).isEqualTo("corrupt_shard");
    }

    private void restore() {
        CheckpointReader.open(StoragePath.of(dir)).restore(model.empty(model.plan(1), 0));
        assertThat(dir).isDirectory();
    }
}
