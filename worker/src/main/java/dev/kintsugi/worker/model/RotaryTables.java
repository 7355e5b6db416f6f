package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.RotaryFrequencies;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;

/// Cosine and sine of every position's angles, computed in fp64 and then rounded.
///
/// @param cos (P, D / 2)
/// @param sin (P, D / 2)
record RotaryTables(Tensor cos, Tensor sin) {
    private static final long ALIGNMENT = 64;

    /// @param arena owns the tables
    /// @param positions P
    /// @param dtype F32, or F64 for the oracle
    static RotaryTables of(ModelConfig config, long positions, DType dtype, Arena arena) {
        double[] frequencies = RotaryFrequencies.of(config);
        var tables = new RotaryTables(allocate(arena, dtype, positions, frequencies.length),
                allocate(arena, dtype, positions, frequencies.length));
        for (long p = 0; p < positions; p++) {
            for (int i = 0; i < frequencies.length; i++) {
                double angle = p * frequencies[i];
                set(tables.cos, p * frequencies.length + i, Math.cos(angle));
                set(tables.sin, p * frequencies.length + i, Math.sin(angle));
            }
        }
        return tables;
    }

    private static Tensor allocate(Arena arena, DType dtype, long positions, long half) {
        return new Tensor(arena.allocate(positions * half * dtype.bytes(), ALIGNMENT), dtype, positions, half);
    }

    private static void set(Tensor t, long index, double value) {
        if (t.dtype() == DType.F64) {
            t.data().setAtIndex(ValueLayout.JAVA_DOUBLE, index, value);
        } else {
            t.data().setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) value);
        }
    }
}
