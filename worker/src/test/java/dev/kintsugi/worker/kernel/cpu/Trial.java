package dev.kintsugi.worker.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/// Runs one operation on the reference and, twice and at different addresses, on a device: results must be near the reference's
/// and equal to the bit between the two runs.
final class Trial {
    interface Operation {
        void run(Kernels kernels, Tensor[] arguments);
    }

    /// Odd sizes on purpose: below, at and above a vector, a group of partial sums and a block.
    private static final int[] SIZES = {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 100, 127, 128, 129, 207};

    final long seed;
    private final Random random;
    private final Arena arena = Arena.ofAuto();
    private final Kernels reference = new ReferenceKernels();
    private final Kernels device;
    /// Of values and weights; statistics and weights' gradients are F32 with both.
    private final DType values;

    Trial(Kernels device, DType values) {
        this.device = device;
        this.values = values;
        this.seed = Long.getLong("test.seed", System.nanoTime());
        this.random = new Random(seed);
    }

    int size() {
        return SIZES[random.nextInt(SIZES.length)];
    }

    int upTo(int n) {
        return 1 + random.nextInt(n);
    }

    boolean coin() {
        return random.nextBoolean();
    }

    /// Standard normal numbers.
    Tensor normal(long... shape) {
        return normal(DType.F32, shape);
    }

    /// The same in values' dtype, see [#values].
    Tensor value(long... shape) {
        return normal(values, shape);
    }

    private Tensor normal(DType dtype, long... shape) {
        Tensor t = tensor(dtype, 0, shape);
        for (long i = 0; i < t.numel(); i++) { Lanes.set(t.data(), i, (float) random.nextGaussian(), dtype == DType.BF16); }
        return t;
    }

    /// Like [#normal], but not below 0.
    Tensor positive(long... shape) {
        Tensor t = normal(shape);
        for (long i = 0; i < t.numel(); i++) { t.data().set(Lanes.FLOAT, i * 4, Math.abs(t.data().get(Lanes.FLOAT, i * 4))); }
        return t;
    }

    Tensor between(double least, double most, long... shape) {
        Tensor t = tensor(DType.F32, 0, shape);
        for (long i = 0; i < t.numel(); i++) { t.data().set(Lanes.FLOAT, i * 4, (float) random.nextDouble(least, most)); }
        return t;
    }

    Tensor ints(int from, int to, long... shape) {
        Tensor t = tensor(DType.I32, 0, shape);
        for (long i = 0; i < t.numel(); i++) { t.data().set(Lanes.INT, i * 4, from + random.nextInt(to - from)); }
        return t;
    }

    /// Of the tokens of samples that fill rows of T, of all lengths.
    Tensor positions(int B, int T) {
        Tensor t = tensor(DType.I32, 0, B, T);
        int longest = upTo(T + 20);
        for (int b = 0; b < B; b++) {
            int left = 0;
            int position = 0;
            for (int i = 0; i < T; i++) {
                if (left == 0) {
                    left = upTo(longest);
                    position = 0;
                }
                t.data().set(Lanes.INT, ((long) b * T + i) * 4, position++);
                left--;
            }
        }
        return t;
    }

    /// At `offset` bytes past a cache line.
    private Tensor tensor(DType dtype, long offset, long... shape) {
        long bytes = Tensor.numel(shape) * dtype.bytes();
        return new Tensor(arena.allocate(bytes + 64, 64).asSlice(offset, bytes), dtype, shape);
    }

    /// @param tolerance of the largest magnitude in an F32 tensor, or of 1 if that is more; BF16 ones may be off by a rounding, and by another
    ///     where something was rounded on the way
    void check(double tolerance, Operation operation, Tensor... arguments) {
        Tensor[] expected = copies(arguments, false);
        operation.run(reference, expected);
        Tensor[] actual = copies(arguments, false);
        operation.run(device, actual);
        for (int i = 0; i < arguments.length; i++) { if (arguments[i] != null) { near(i, expected[i], actual[i], tolerance); } }
        Tensor[] again = copies(arguments, true);
        operation.run(device, again);
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i] != null) {
                assertThat(again[i].data().mismatch(actual[i].data()))
                        .as("argument %d %s at another address, seed=%d", i, arguments[i], seed).isEqualTo(-1);
            }
        }
    }

    private Tensor[] copies(Tensor[] tensors, boolean elsewhere) {
        var copies = new Tensor[tensors.length];
        for (int i = 0; i < tensors.length; i++) {
            if (tensors[i] == null) { continue; }
            copies[i] = tensor(tensors[i].dtype(), elsewhere ? 4L * random.nextInt(16) : 0, tensors[i].shape());
            MemorySegment.copy(tensors[i].data(), 0, copies[i].data(), 0, tensors[i].bytes());
        }
        return copies;
    }

    private void near(int argument, Tensor expected, Tensor actual, double tolerance) {
        if (expected.dtype() == DType.I32) { return; }
        if (expected.dtype() == DType.BF16 || values == DType.BF16) { tolerance = Math.max(tolerance, 0x1p-7); }
        double largest = 1;
        for (long i = 0; i < expected.numel(); i++) { largest = Math.max(largest, Math.abs(at(expected, i))); }
        for (long i = 0; i < expected.numel(); i++) {
            if (!(Math.abs(at(expected, i) - at(actual, i)) <= tolerance * largest)) {
                throw new AssertionError("argument %d %s element %d: expected %s, got %s, seed=%d"
                        .formatted(argument, expected, i, at(expected, i), at(actual, i), seed));
            }
        }
    }

    static float at(Tensor t, long i) {
        return Lanes.get(t.data(), i, t.dtype() == DType.BF16);
    }
}
