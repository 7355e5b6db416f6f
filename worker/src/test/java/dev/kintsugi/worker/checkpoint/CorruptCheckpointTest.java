package dev.kintsugi.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.worker.failure.CallerException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
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
    void shouldNameATruncatedShard() throws Exception {
        long bytes = Files.size(shard);
        try (var file = new RandomAccessFile(shard.toFile(), "rw")) { file.setLength(bytes - 1); }
        assertCorrupt(("checkpoint file has another size: rank=0 step=8 file=%s expected=%d bytes actual=%d bytes; "
                + "resume with --resume_from_checkpoint %s, the checkpoint before it").formatted(shard, bytes, bytes - 1, earlier));
    }

    @Test
    void shouldFindASingleFlippedBitAnywhere() throws Exception {
        long bytes = Files.size(shard);
        for (long at : new long[] {0, 9, bytes / 2, bytes - 1}) {
            flip(at);
            assertThatThrownBy(this::restore).isInstanceOf(CorruptShardException.class).hasMessageContaining("rank=0 step=8 file=" + shard);
            flip(at);
        }
        restore();
    }

    private void flip(long at) throws Exception {
        try (var file = new RandomAccessFile(shard.toFile(), "rw")) {
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
        CheckpointReader.open(dir).restore(model.empty(model.plan(2), 0));
        assertThatThrownBy(() -> CheckpointReader.open(dir).restore(model.empty(model.plan(2), 1)))
                .isInstanceOf(CorruptShardException.class).hasMessageContaining("rank=1");
    }

    @Test
    void shouldRefuseACheckpointOfAnotherModel() {
        SavedModel other = SavedModel.random(77);
        assertThatThrownBy(() -> CheckpointReader.open(dir).restore(other.empty(other.plan(1), 0))).isInstanceOf(CallerException.class)
                .hasMessageStartingWith(dir + ": parameter 'u0.p0' has shape ")
                .hasMessageEndingWith("; resume with the model that it was saved from");
    }

    @Test
    void shouldNameADamagedManifest() throws Exception {
        String json = Files.readString(dir.resolve("manifest.json"));
        Files.writeString(dir.resolve("manifest.json"), json.substring(0, json.length() / 2));
        assertThatThrownBy(() -> CheckpointReader.open(dir)).isInstanceOf(CallerException.class)
                .hasMessageStartingWith(dir.resolve("manifest.json") + " is not valid JSON");
        Files.write(dir.resolve("manifest.json"), new byte[] {(byte) 0xff, (byte) 0xfe, 0});
        assertThatThrownBy(() -> CheckpointReader.open(dir)).hasMessageContaining("manifest.json is not UTF-8 text");
    }

    private void assertCorrupt(String message) {
        assertThatThrownBy(this::restore).isInstanceOf(CorruptShardException.class).hasMessage(message)
                .extracting(e -> ((CorruptShardException) e).code()).isEqualTo("corrupt_shard");
    }

    private void restore() {
        CheckpointReader.open(dir).restore(model.empty(model.plan(1), 0));
        assertThat(dir).isDirectory();
    }
}
