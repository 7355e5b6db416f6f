package dev.kintsugi.worker.checkpoint.safetensors;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;

/// Element types a safetensors header may name. Those of whole bytes are known; only floating-point ones are read.
public enum ElementType {
    BOOL(1), U8(1), I8(1), F8_E5M2(1), F8_E4M3(1), F8_E8M0(1), I16(2), U16(2), F16(2), BF16(2), I32(4), U32(4), F32(4), I64(8), U64(8),
    F64(8), C64(8);

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int ARRAY_NUMEL = 8 << 10;     // with what it is made of, in the first two levels of cache

    private final int bytes;

    ElementType(int bytes) {
        this.bytes = bytes;
    }

    public int bytes() {
        return bytes;
    }

    static Optional<ElementType> named(String name) {
        return Arrays.stream(values()).filter(t -> t.name().equals(name)).findFirst();
    }

    public boolean isReadable() {
        return this == F32 || this == F16 || this == BF16 || this == F64;
    }

    /// Converts all of `from` to f32 at the start of `to`, rounding F64 to nearest; the other three are exact.
    public void toF32(MemorySegment from, MemorySegment to) {
        if (this == F32) {
            MemorySegment.copy(from, 0, to, 0, from.byteSize());
            return;
        }
        if (!isReadable()) { throw new AssertionError("not readable: " + this); }
        long numel = from.byteSize() / bytes;
        var some = new float[(int) Math.min(ARRAY_NUMEL, numel)];
        for (long at = 0; at < numel; at += some.length) {
            int n = (int) Math.min(some.length, numel - at);
            convert(from, at, some, n);
            MemorySegment.copy(some, 0, to, FLOAT, at * Float.BYTES, n);
        }
    }

    /// Through arrays: copies are quick from the first call on, and loops over arrays before they are compiled for vectors, which loops over
    /// segments are not.
    private void convert(MemorySegment from, long at, float[] to, int n) {
        if (this == F64) {
            for (int i = 0; i < n; i++) { to[i] = (float) from.get(DOUBLE, 8 * (at + i)); }
            return;
        }
        var halves = new short[n];
        MemorySegment.copy(from, SHORT, 2 * at, halves, 0, n);
        if (this == BF16) {
            widen(halves, to, n);
        } else {
            widenF16(halves, to, n);
        }
    }

    private static void widen(short[] from, float[] to, int n) {
        for (int i = 0; i < n; i++) { to[i] = Float.intBitsToFloat(from[i] << 16); }
    }

    private static void widenF16(short[] from, float[] to, int n) {
        for (int i = 0; i < n; i++) { to[i] = Float.float16ToFloat(from[i]); }
    }
}
