package dev.kintsugi.worker.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TranspositionTest {
    /// Below, at and above a tile and a strip of tiles; with a gap behind the original's rows; from its middle.
    @ParameterizedTest
    @CsvSource({"1, 1, 0, 0", "31, 33, 0, 0", "32, 32, 0, 0", "33, 31, 5, 3", "256, 64, 0, 0", "257, 100, 7, 1", "640, 96, 0, 64", "288, 129, 1, 31"})
    void shouldExchangeRowsAndColumns(int rows, int columns, int gap, int from) {
        long ldx = from + rows + gap;
        var random = new Random(3);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment x = arena.allocate(2 * ldx * columns);
            for (long i = 0; i < ldx * columns; i++) { x.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) random.nextInt()); }
            MemorySegment copy = new Transposition().copy(x, from, rows, columns, ldx);
            for (long row = 0; row < rows; row++) {
                for (long column = 0; column < columns; column++) {
                    assertThat(copy.getAtIndex(ValueLayout.JAVA_SHORT, row * Transposition.ld(columns) + column)).as("row %d column %d", row, column)
                            .isEqualTo(x.getAtIndex(ValueLayout.JAVA_SHORT, column * ldx + from + row));
                }
            }
        }
    }
}
