package dev.kintsugi.worker.kernel.reference;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Moves tensors to arrays of doubles and back, after checking their shape. Reference tensors are small: numel fits an int.
final class Doubles {
    static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfDouble F64 = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Doubles() {}

    /// @throws IllegalArgumentException if `t` is not of `shape`, or none of BF16, F32 and F64
    static double[] load(String name, Tensor t, long... shape) {
        require(name, t, shape);
        var x = new double[Math.toIntExact(t.numel())];
        for (int i = 0; i < x.length; i++) {
            x[i] = switch (t.dtype()) {
                case F64 -> t.data().getAtIndex(F64, i);
                case BF16 -> Float.intBitsToFloat(t.data().getAtIndex(I16, i) << 16);
                default -> t.data().getAtIndex(F32, i);
            };
        }
        return x;
    }

    static void store(Tensor t, double[] x) {
        for (int i = 0; i < x.length; i++) {
            switch (t.dtype()) {
                case F64 -> t.data().setAtIndex(F64, i, x[i]);
                case BF16 -> t.data().setAtIndex(I16, i, bf16Bits((float) x[i]));
                default -> t.data().setAtIndex(F32, i, (float) x[i]);
            }
        }
    }

    /// Rounded to nearest even, spelt out: the nearer of the two neighbours, the even one of equally near ones.
    private static short bf16Bits(float x) {
        int bits = Float.floatToRawIntBits(x);
        int lower = bits & 0xffff;
        int upper = bits >>> 16;
        if (Float.isNaN(x)) { return (short) (upper | 0x40); }
        boolean up = lower > 0x8000 || lower == 0x8000 && upper % 2 == 1;
        return (short) (up ? upper + 1 : upper);
    }

    /// @throws IllegalArgumentException if `t` is not I32 of `(n)`
    static int[] loadInts(String name, Tensor t, long n) {
        if (t.dtype() != DType.I32 || t.numel() != n) {
            throw new IllegalArgumentException("%s=%s; must be I32[%d]".formatted(name, t, n));
        }
        return t.data().asSlice(0, n * 4).toArray(I32);
    }

    static void require(String name, Tensor t, long... shape) {
        if (t.dtype() != DType.F32 && t.dtype() != DType.F64 && t.dtype() != DType.BF16) {
            throw new IllegalArgumentException("%s=%s; reference kernels take BF16, F32 and F64".formatted(name, t));
        }
        if (!Arrays.equals(t.shape(), shape)) {
            throw new IllegalArgumentException("%s=%s; its shape must be %s".formatted(name, t, Arrays.toString(shape)));
        }
    }
}
