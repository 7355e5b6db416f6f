package dev.kintsugi.worker.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// bfloat16, the upper half of an f32: widened by shifting, rounded to nearest even; a NaN stays one. Offsets count elements.
public final class Bf16 {
    /// At most 16 lanes, so that one vector holds no more than the partial sums that sums are made of.
    public static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED.length() > 16
            ? FloatVector.SPECIES_512 : FloatVector.SPECIES_PREFERRED;
    public static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    public static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int QUIET = 0x40;       // keeps a NaN one when its lower half goes

    private Bf16() {}

    /// The vector at element `i`.
    public static FloatVector load(MemorySegment x, long i) {
        return widen(ShortVector.fromMemorySegment(SHORTS, x, i * 2, ByteOrder.LITTLE_ENDIAN));
    }

    public static FloatVector load(short[] x, int i) {
        return widen(ShortVector.fromArray(SHORTS, x, i));
    }

    private static FloatVector widen(ShortVector halves) {
        var bits = (IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
        return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    public static void store(FloatVector v, MemorySegment y, long i) {
        narrow(v).intoMemorySegment(y, i * 2, ByteOrder.LITTLE_ENDIAN);
    }

    public static void store(FloatVector v, short[] y, int i) {
        narrow(v).intoArray(y, i);
    }

    private static ShortVector narrow(FloatVector v) {
        var bits = v.reinterpretAsInts();
        var upper = bits.lanewise(VectorOperators.LSHR, 16);
        var rounded = bits.add(upper.and(1)).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
        var kept = rounded.blend(upper.or(QUIET), v.compare(VectorOperators.NE, v).cast(INTS));
        return (ShortVector) kept.convertShape(VectorOperators.I2S, SHORTS, 0);
    }

    public static float get(MemorySegment x, long i) {
        return Float.intBitsToFloat(x.get(SHORT, i * 2) << 16);
    }

    public static void set(MemorySegment y, long i, float value) {
        y.set(SHORT, i * 2, bits(value));
    }

    /// The bits of the bf16 nearest to `value`.
    public static short bits(float value) {
        int bits = Float.floatToRawIntBits(value);
        int upper = bits >>> 16;
        return (short) (Float.isNaN(value) ? upper | QUIET : bits + (upper & 1) + 0x7fff >>> 16);
    }

    /// `to[toAt ..]`, bf16, from `from[fromAt ..]`, f32.
    public static void narrow(MemorySegment from, long fromAt, MemorySegment to, long toAt, long n) {
        long whole = n - n % FLOATS.length();
        for (long i = 0; i < whole; i += FLOATS.length()) {
            store(FloatVector.fromMemorySegment(FLOATS, from, (fromAt + i) * 4, ByteOrder.LITTLE_ENDIAN), to, toAt + i);
        }
        if (whole < n) { narrowTail(from, fromAt, to, toAt, whole, n); }
    }

    /// Not entered with nothing to do: range checks ahead of the loop would fail and throw away the compiled code.
    private static void narrowTail(MemorySegment from, long fromAt, MemorySegment to, long toAt, long whole, long n) {
        for (long i = whole; i < n; i++) { set(to, toAt + i, from.get(FLOAT, (fromAt + i) * 4)); }
    }
}
