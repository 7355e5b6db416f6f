package dev.kintsugi.coordinator.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory.Committed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointDirectoryTest {
    @TempDir
    Path output;

    private CheckpointDirectory directory;

    @BeforeEach
    void make() throws IOException {
        directory = new CheckpointDirectory(output);
        make(2, true);
        make(10, true);
        make(20, false);
        Files.createDirectories(output.resolve("checkpoints/notes"));
    }

    @Test
    void shouldFindTheNewestThatHasAManifest() throws IOException {
        assertThat(directory.newest()).contains(new Committed(10, directory.of(10)));
        assertThat(new CheckpointDirectory(output.resolve("none")).newest()).isEmpty();
    }

    @Test
    void shouldRemoveOnlyWhatWasNeverCommitted() throws IOException {
        directory.removeUncommitted();
        assertThat(directory.of(20)).doesNotExist();
        assertThat(directory.of(10).resolve("model/shard")).exists();
        assertThat(output.resolve("checkpoints/notes")).exists();
    }

    @Test
    void shouldPruneTheOldestAndLeaveOneThatIsBeingWritten() throws IOException {
        assertThat(directory.prune(1)).extracting(Committed::step).containsExactly(2L);
        assertThat(directory.of(2)).doesNotExist();
        assertThat(directory.of(10)).exists();
        assertThat(directory.of(20)).exists();
        assertThat(directory.prune(1)).isEmpty();
    }

    private void make(long step, boolean committed) throws IOException {
        Path model = Files.createDirectories(directory.of(step).resolve("model"));
        Files.writeString(model.resolve("shard"), "x");
        if (committed) { Files.writeString(directory.of(step).resolve("manifest.json"), "{}"); }
    }
}
