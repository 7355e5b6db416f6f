package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.Sha256;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.LongStream;

/// Weights of a model trained from scratch: element i of a parameter is a pure function of (seed, parameter name, i), the same on every
/// machine and for every world size.
///
/// The number for (key, i) is the i-th output of SplitMix64 started at `key`, a hash of seed and name; the normal variate is that
/// number through the inverse of the normal distribution, so each element stands alone.
public record FreshWeights(ModelSpec model, long seed) implements WeightSource {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long CHUNK_NUMEL = 1 << 16;

    @Override
    public ElementType type(ParameterSpec p) {
        return ElementType.F32;
    }

    @Override
    public String identity() {
        return "seed " + seed;
    }

    @Override
    public void readRaw(ParameterSpec p, long firstRow, long rows, MemorySegment f32, long offsetBytes) {
        MemorySegment into = f32.asSlice(offsetBytes, rows * p.rowNumel() * Float.BYTES);
        switch (p.init()) {
            case InitRule.Constant(double value) -> fill(into, (float) value);
            case InitRule.Normal(double standardDeviation) -> fill(into, key(seed, p.name()), firstRow * p.rowNumel(),
                    u -> standardDeviation * NormalQuantile.of(u));
            case InitRule.Uniform(double bound) -> fill(into, key(seed, p.name()), firstRow * p.rowNumel(), u -> bound * (2 * u - 1));
        }
    }

    private static void fill(MemorySegment into, float value) {
        for (long at = 0; at < into.byteSize(); at += Float.BYTES) { into.set(FLOAT, at, value); }
    }

    /// Chunks run on all cores: elements do not depend on each other, so the order changes nothing.
    private static void fill(MemorySegment into, long key, long first, DoubleUnaryOperator variate) {
        long numel = into.byteSize() / Float.BYTES;
        LongStream.range(0, Math.ceilDiv(numel, CHUNK_NUMEL)).parallel().forEach(chunk -> {
            long end = Math.min(numel, (chunk + 1) * CHUNK_NUMEL);
            for (long i = chunk * CHUNK_NUMEL; i < end; i++) {
                into.set(FLOAT, i * Float.BYTES, (float) variate.applyAsDouble(uniform(key, first + i)));
            }
        });
    }

    static long key(long seed, String name) {
        byte[] digest = Sha256.newDigest().digest(("kintsugi weights %d %s".formatted(seed, name)).getBytes(StandardCharsets.UTF_8));
        return ByteBuffer.wrap(digest).getLong();
    }

    /// In (0, 1), never an end: the middle of one of 2^52 steps.
    static double uniform(long key, long index) {
        return ((mix(key + (index + 1) * 0x9E3779B97F4A7C15L) >>> 12) + 0.5) * 0x1p-52;
    }

    /// SplitMix64's finalizer.
    ///
    /// @see <a href="https://doi.org/10.1145/2660193.2660195">Steele, Lea and Flood 2014, figure 17</a>
    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
