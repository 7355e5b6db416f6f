package dev.kintsugi.worker.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class StepArenaTest {
    private final StepArena arena = StepArena.ofBytes(1024);

    @AfterEach
    void close() {
        arena.close();
    }

    @Test
    void shouldKeepTheStackBelowTheCeilingUntilItIsRaised() {
        arena.reserve(512, 512);
        arena.allocate(DType.F32, 64);
        arena.lowerCeiling(512);
        arena.allocate(DType.F32, 64);
        assertThatThrownBy(() -> arena.allocate(DType.F32, 1)).isInstanceOf(AssertionError.class).hasMessageContaining("64 bytes wanted at 512 of 512");
        arena.raiseCeiling();
        arena.allocate(DType.F32, 128);
        assertThat(arena.highWaterBytes()).isEqualTo(1024);
    }

    @Test
    void shouldRefuseACeilingBelowWhatIsThere() {
        long mark = arena.mark();
        arena.allocate(DType.F32, 64);
        assertThatThrownBy(() -> arena.lowerCeiling(128)).isInstanceOf(AssertionError.class).hasMessageContaining("ceiling 128 below top 256");
        arena.release(mark);
        arena.lowerCeiling(128);
    }

    @Test
    void shouldCountWhatIsReservedBesideTheStack() {
        arena.allocate(DType.F32, 64);
        arena.reserve(640, 100).fill((byte) 1);
        assertThat(arena.highWaterBytes()).isEqualTo(256);
        assertThat(arena.usedBytes()).isEqualTo(768);
    }
}
