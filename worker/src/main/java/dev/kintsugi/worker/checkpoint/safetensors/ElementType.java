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
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

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

    /// The f32 numbers, two in a word, that elements 0 and 1 of a word of four bf16 numbers are.
    public static long lowerPair(long word) {
        return (word & 0xffffL) << 16 | (word & 0xffff0000L) << 32;
    }

    /// Elements 2 and 3.
    public static long upperPair(long word) {
        return (word >>> 32 & 0xffffL) << 16 | word & 0xffff000000000000L;
    }

    /// Converts all of `from` to f32 at the start of `to`, rounding F64 to nearest; the other three are exact.
    public void toF32(MemorySegment from, MemorySegment to) {
        long n = from.byteSize() / bytes;
        switch (this) {
            case F32 -> MemorySegment.copy(from, 0, to, 0, from.byteSize());
            case BF16 -> widen(from, to, n);
            case F16 -> {
                for (long i = 0; i < n; i++) { to.set(FLOAT, 4 * i, Float.float16ToFloat(from.get(SHORT, 2 * i))); }
            }
            case F64 -> {
                for (long i = 0; i < n; i++) { to.set(FLOAT, 4 * i, (float) from.get(DOUBLE, 8 * i)); }
            }
            case BOOL, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, I16, U16, I32, U32, I64, U64, C64 ->
                    throw new AssertionError("not readable: " + this);
        }
    }

    /// Four at a time, by whole words: quick from the first call on, before anything is compiled for vectors.
    private static void widen(MemorySegment from, MemorySegment to, long n) {
        long whole = n - n % 4;
        for (long i = 0; i < whole; i += 4) {
            long word = from.get(WORD, 2 * i);
            to.set(WORD, 4 * i, lowerPair(word));
            to.set(WORD, 4 * i + 8, upperPair(word));
        }
        for (long i = whole; i < n; i++) { to.set(FLOAT, 4 * i, Float.intBitsToFloat(from.get(SHORT, 2 * i) << 16)); }
    }
}
