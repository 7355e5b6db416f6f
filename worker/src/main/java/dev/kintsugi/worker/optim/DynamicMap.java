package dev.kintsugi.worker.optim;

import java.util.Arrays;

/// The 256 numbers that a byte of an 8-bit state stands for (Dettmers et al. 2022, *8-bit Optimizers via Block-wise Quantization*, section 2.2), as in
/// bitsandbytes: seven decades below 1, each twice as finely divided as the one below it, with 0 and 1.
final class DynamicMap {
    /// In [-1, 1]; without -1.
    static final DynamicMap SIGNED = new DynamicMap(true);
    /// In [0, 1].
    static final DynamicMap UNSIGNED = new DynamicMap(false);

    private static final int DECADES = 7;
    // A bucket has the sign, the exponent and seven bits of the fraction: too few for two borders between codes.
    private static final int BUCKET_SHIFT = 16;

    private final float[] values;
    private final float[] borders = new float[256];     // border c is between the codes c and c + 1
    private final byte[] codes = new byte[1 << Integer.SIZE - BUCKET_SHIFT];      // of the least number in a bucket
    private final int zero;

    private DynamicMap(boolean signed) {
        values = values(signed);
        for (int c = 0; c < 255; c++) { borders[c] = (values[c] + values[c + 1]) / 2; }
        borders[255] = Float.POSITIVE_INFINITY;
        for (int bucket = 0; bucket < codes.length; bucket++) { codes[bucket] = (byte) search(least(bucket)); }
        zero = Arrays.binarySearch(values, 0);
    }

    private static float[] values(boolean signed) {
        var values = new float[256];
        int n = 0;
        for (int decade = 0; decade < DECADES; decade++) {
            int parts = 1 << decade + (signed ? 0 : 1);
            for (int i = 0; i < parts; i++) {
                double value = Math.pow(10, decade - DECADES + 1) * (0.1 + 0.9 * (i + 0.5) / parts);
                values[n++] = (float) value;
                if (signed) { values[n++] = (float) -value; }
            }
        }
        values[n++] = 0;
        values[n] = 1;
        Arrays.sort(values);
        return values;
    }

    private static float least(int bucket) {
        int bits = bucket << BUCKET_SHIFT;
        return Float.intBitsToFloat(bits < 0 ? bits | (1 << BUCKET_SHIFT) - 1 : bits);
    }

    private int search(float x) {
        int code = 0;
        while (x > borders[code]) { code++; }
        return code;
    }

    float value(byte code) {
        return values[Byte.toUnsignedInt(code)];
    }

    /// The code whose value is nearest, the lower one between two; but a number below 0 never becomes 0.
    ///
    /// @param x finite
    byte code(float x) {
        int code = Byte.toUnsignedInt(codes[Float.floatToRawIntBits(x) >>> BUCKET_SHIFT]);
        if (x > borders[code]) { code++; }
        return (byte) (x < 0 && code == zero ? code - 1 : code);
    }
}
