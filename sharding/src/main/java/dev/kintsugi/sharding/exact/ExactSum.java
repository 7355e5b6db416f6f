package dev.kintsugi.sharding.exact;

import java.math.BigInteger;
import java.nio.ByteBuffer;

/// A sum of doubles that does not depend on the order of its terms: 192-bit two's complement fixed point, unit 2^-96.
///
/// Holds magnitudes up to 2^95 (4e28), so squares of norms between 1e-14 and 1e14. Each term is cut at 2^-96 by itself, so sums are
/// the same whatever the grouping, and ranks may add their parts in any order. A term that is not finite, or too large,
/// makes the whole sum NaN: never averaged away.
public final class ExactSum {
    /// Bytes of [#toBytes].
    public static final int BYTES = 4 * Long.BYTES;

    private static final int FRACTION_BITS = 96;
    private static final int MAX_EXPONENT = 94;

    private long low;
    private long middle;
    private long high;
    private long spoilt;

    public void add(double term) {
        if (!Double.isFinite(term) || Math.getExponent(term) >= MAX_EXPONENT) {
            spoilt++;
            return;
        }
        long bits = Double.doubleToRawLongBits(term);
        int exponent = (int) (bits >>> 52 & 0x7ff);
        long mantissa = bits & 0xfffffffffffffL;
        if (exponent == 0) { return; }                              // subnormal: far below the unit
        int shift = exponent - 1075 + FRACTION_BITS;
        addMagnitude(mantissa | 0x10000000000000L, shift, bits < 0);
    }

    private void addMagnitude(long mantissa, int shift, boolean negative) {
        if (shift <= -53) { return; }
        long w0 = 0;
        long w1 = 0;
        long w2 = 0;
        if (shift < 0) {
            w0 = mantissa >>> -shift;
        } else {
            int bit = shift & 63;
            long lower = mantissa << bit;
            long upper = bit == 0 ? 0 : mantissa >>> (64 - bit);
            switch (shift >>> 6) {
                case 0 -> { w0 = lower; w1 = upper; }
                case 1 -> { w1 = lower; w2 = upper; }
                default -> w2 = lower;
            }
        }
        if (negative) {
            w0 = ~w0 + 1;
            w1 = ~w1 + (w0 == 0 ? 1 : 0);
            w2 = ~w2 + (w0 == 0 && w1 == 0 ? 1 : 0);
        }
        addWords(w0, w1, w2);
    }

    private void addWords(long w0, long w1, long w2) {
        low += w0;
        long carry = Long.compareUnsigned(low, w0) < 0 ? 1 : 0;
        long sum = middle + w1;
        long carryUp = Long.compareUnsigned(sum, w1) < 0 ? 1 : 0;
        middle = sum + carry;
        if (carry == 1 && middle == 0) { carryUp++; }
        high += w2 + carryUp;
    }

    public void add(ExactSum other) {
        addWords(other.low, other.middle, other.high);
        spoilt += other.spoilt;
    }

    /// Correctly rounded; NaN when a term was not finite or too large.
    public double toDouble() {
        if (spoilt != 0) { return Double.NaN; }
        byte[] bigEndian = ByteBuffer.allocate(3 * Long.BYTES).putLong(high).putLong(middle).putLong(low).array();
        return Math.scalb(new BigInteger(bigEndian).doubleValue(), -FRACTION_BITS);
    }

    public byte[] toBytes() {
        return ByteBuffer.allocate(BYTES).putLong(low).putLong(middle).putLong(high).putLong(spoilt).array();
    }

    public static ExactSum read(ByteBuffer from) {
        var sum = new ExactSum();
        sum.low = from.getLong();
        sum.middle = from.getLong();
        sum.high = from.getLong();
        sum.spoilt = from.getLong();
        return sum;
    }
}
