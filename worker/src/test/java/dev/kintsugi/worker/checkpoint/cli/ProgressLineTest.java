package dev.kintsugi.worker.checkpoint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
    private static final long SECOND = 1_000_000_000;

    private final StringWriter err = new StringWriter();
    private long now;

    @Test
    void shouldDrawABarWithRateAndTimeLeftOnATerminal() {
        try (var line = new ProgressLine(new PrintWriter(err, true), true, () -> now)) {
            line.show("verifying", 0, 4_000_000_000L);
            now += 2 * SECOND;
            line.show("verifying", 1_000_000_000, 4_000_000_000L);
            now += 1;
            line.show("verifying", 1_000_000_001, 4_000_000_000L);      // too soon
        }
        assertThat(err.toString()).isEqualTo("\r\033[K[                        ] verifying 0 B of 4.0 GB (0%)"
                + "\r\033[K[======                  ] verifying 1.0 GB of 4.0 GB (25%), 500.0 MB/s, 6 s left\r\033[K");
    }

    @Test
    void shouldPrintALineNowAndThenElsewhereAndNoneForWhatIsOverSoon() {
        try (var line = new ProgressLine(new PrintWriter(err, true), false, () -> now)) {
            line.show("writing", 10, 1000);
            now += 4 * SECOND;
            line.show("writing", 1000, 1000);
            line.show("reading back", 10, 1000);
            now += 6 * SECOND;
            line.show("reading back", 600, 1000);
        }
        assertThat(err.toString()).isEqualTo("reading back 600 B of 1.0 kB (60%), 100 B/s, 4 s left\n");
    }

    @Test
    void shouldShowDurationsAsPeopleReadThem() {
        assertThat(ProgressLine.duration(0.2)).isEqualTo("1 s");
        assertThat(ProgressLine.duration(61)).isEqualTo("1:01 min");
        assertThat(ProgressLine.duration(3600 * 5 + 61)).isEqualTo("5:01 h");
    }
}
