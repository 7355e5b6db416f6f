package dev.kintsugi.coordinator.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory.Committed;
import dev.kintsugi.sharding.manifest.Verification;
import dev.kintsugi.storage.StoragePath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointDirectoryTest {
    private static final Verification NOW = new Verification("2026-11-22T14:00:00Z", "test");

    @TempDir
    Path root;

    private CheckpointDirectory directory;

    @BeforeEach
    void make() throws IOException {
        directory = new CheckpointDirectory(StoragePath.of(root));
        make(2, true);
        make(10, true);
        make(20, false);
        Files.createDirectories(root.resolve("notes"));
    }

    @Test
    void shouldFindTheNewestThatHasAManifest() throws IOException {
        assertThat(directory.newest()).contains(new Committed(10, directory.of(10)));
        assertThat(new CheckpointDirectory(StoragePath.of(root).resolve("none")).newest()).isEmpty();
    }

    @Test
    void shouldRemoveOnlyWhatWasNeverCommitted() throws IOException {
        directory.setAside(2, "a bit flipped");
        directory.removeUncommitted(false);
        assertThat(path(20)).doesNotExist();
        assertThat(path(10).resolve("model/shard")).exists();
        assertThat(path(2).resolve("model/shard")).as("set aside, not thrown away").exists();
        assertThat(root.resolve("notes")).exists();
        directory.removeUncommitted(true);
        assertThat(path(2)).doesNotExist();
        assertThat(path(10)).exists();
    }

    @Test
    void shouldPruneOnlyWhatNewerVerifiedOnesReplace() throws IOException {
        assertThat(directory.prune(1, false)).as("none is verified").isEmpty();
        directory.markVerified(2, NOW);
        assertThat(directory.prune(1, false)).as("10 is not verified").isEmpty();
        directory.markVerified(10, NOW);
        assertThat(directory.prune(2, false)).isEmpty();
        assertThat(directory.prune(1, false)).containsExactly(2L);
        assertThat(path(2)).doesNotExist();
        assertThat(path(10)).exists();
        assertThat(path(20)).as("being written").exists();
    }

    @Test
    void shouldTakeADamagedOneOutOfThoseThatExist() throws IOException {
        directory.markVerified(10, NOW);
        directory.setAside(10, "a bit flipped");
        assertThat(directory.newest()).map(Committed::step).contains(2L);
        assertThat(directory.damaged()).extracting(Committed::step).containsExactly(10L);
        assertThat(path(10).resolve("manifest.damaged.json")).hasContent("{}");
        assertThat(path(10).resolve("verified.json")).doesNotExist();
        directory.setAside(10, "a bit flipped");
        directory.markVerified(2, NOW);
        assertThat(directory.prune(1, false)).as("newer than what is kept").isEmpty();
    }

    @Test
    void shouldRecordOnceThatACheckpointIsVerified() throws IOException {
        assertThat(directory.markVerified(10, NOW)).isTrue();
        assertThat(directory.markVerified(10, new Verification("2027-01-01T00:00:00Z", "later"))).isFalse();
        assertThat(Verification.parse(Files.readString(path(10).resolve("verified.json")), "x")).isEqualTo(NOW);
        assertThat(directory.markVerified(20, NOW)).as("not committed").isFalse();
    }

    private Path path(long step) {
        return directory.of(step).toPath();
    }

    private void make(long step, boolean committed) throws IOException {
        Path model = Files.createDirectories(path(step).resolve("model"));
        Files.writeString(model.resolve("shard"), "x");
        if (committed) { Files.writeString(path(step).resolve("manifest.json"), "{}"); }
    }
}
