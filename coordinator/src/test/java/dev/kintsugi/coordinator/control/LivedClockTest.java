package dev.kintsugi.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LivedClockTest {
    @Test
    void shouldHardlyMoveDuringAPause() {
        var clock = new LivedClock(1_000);
        clock.tick(51_000_000);
        assertThat(clock.getAsLong()).isEqualTo(50_999_000);
        clock.tick(51_000_000 + 60_000_000_000L);
        assertThat(clock.getAsLong()).isEqualTo(50_999_000 + LivedClock.TICK_MAX_NS);
    }
}
