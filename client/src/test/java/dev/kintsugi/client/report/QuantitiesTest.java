package dev.kintsugi.client.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantitiesTest {
    @ParameterizedTest
    @CsvSource({"0, 0 B", "1023, 1023 B", "1024, 1.00 KiB", "15728640, 15.0 MiB", "1073741823, 1024 MiB", "1649267441664, 1.50 TiB"})
    void shouldWriteBytes(long bytes, String text) {
        assertThat(Quantities.bytes(bytes)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0, 0.0s", "9.94, 9.9s", "9.96, 10s", "59.4, 59s", "61, 1m01s", "3600, 1h00m", "90061, 1d01h", "NaN, ?", "-1, ?",
            "Infinity, ?"})
    void shouldWriteDurations(double seconds, String text) {
        assertThat(Quantities.duration(seconds)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"9999, 9999", "12345, 12.3 K", "7130000, 7.13 M", "70000000000, 70.0 B"})
    void shouldWriteCounts(long count, String text) {
        assertThat(Quantities.count(count)).isEqualTo(text);
    }
}
