package dev.kintsugi.client.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChildLogTest {
    @TempDir
    Path directory;

    private final ChildLog log = new ChildLog();

    @Test
    void shouldKeepWhatCameBeforeTheFileAndWhatCameAfter() {
        log.add("first");
        Path file = directory.resolve("logs/coordinator.log");
        log.open(file);
        log.add("second");
        assertThat(file).hasContent("first\nsecond\n");
    }

    @Test
    void shouldTakeTheLastSentenceForItsLastWords() {
        assertThat(log.lastWords()).isEmpty();
        log.add("starting");
        log.add("kintsugi coordinator: port 7780 is in use; pass another --port");
        log.add("\tat java.base/java.lang.Thread.run(Thread.java:1)");
        log.add("");
        assertThat(log.lastWords()).isEqualTo("port 7780 is in use; pass another --port");
    }
}
