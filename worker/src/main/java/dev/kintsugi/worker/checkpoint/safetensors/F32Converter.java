package dev.kintsugi.worker.checkpoint.safetensors;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Makes f32 of elements as files have them. One thread; its two small arrays are made once.
///
/// Through arrays: copies are quick from the first call on, and loops over arrays before they are compiled for vectors, which loops over
/// segments are not. Arrays made anew for each call would be memory that is not in the cache.
public final class F32Converter {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int NUMEL = 4 << 10;       // with what it is made of, in the first level of cache

    private final short[] halves = new short[NUMEL];
    private final float[] floats = new float[NUMEL];

    /// Converts all of `from` to f32 at the start of `to`, rounding F64 to nearest; the other three are exact.
    ///
    /// @param type F32, F16, BF16 or F64
    public void convert(ElementType type, MemorySegment from, MemorySegment to) {
        if (type == ElementType.F32) {
            MemorySegment.copy(from, 0, to, 0, from.byteSize());
            return;
        }
        long numel = from.byteSize() / type.bytes();
        for (long at = 0; at < numel; at += NUMEL) {
            int n = (int) Math.min(NUMEL, numel - at);
            switch (type) {
                case F64 -> narrow(from, at, floats, n);
                case BF16 -> {
                    MemorySegment.copy(from, SHORT, 2 * at, halves, 0, n);
                    widen(halves, floats, n);
                }
                case F16 -> {
                    MemorySegment.copy(from, SHORT, 2 * at, halves, 0, n);
                    widenF16(halves, floats, n);
                }
                default -> throw new AssertionError("not readable: " + type);
            }
            MemorySegment.copy(floats, 0, to, FLOAT, at * Float.BYTES, n);
        }
    }

    private static void narrow(MemorySegment from, long at, float[] to, int n) {
        for (int i = 0; i < n; i++) { to[i] = (float) from.get(DOUBLE, 8 * (at + i)); }
    }

    private static void widen(short[] from, float[] to, int n) {
        for (int i = 0; i < n; i++) { to[i] = Float.intBitsToFloat(from[i] << 16); }
    }

    private static void widenF16(short[] from, float[] to, int n) {
        for (int i = 0; i < n; i++) { to[i] = Float.float16ToFloat(from[i]); }
    }
}
