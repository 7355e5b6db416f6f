package dev.kintsugi.worker.kernel.cpu;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.util.Locale;

/// Rates of what a generated token costs, beside the rate at which this core reads memory: products with few rows by [ThinLinear] and by
/// oneDNN, attention of one query. Argument: `f32` instead of bf16. Run like [CpuKernelsBenchmark].
final class ThinKernelsBenchmark {
    private static final Arena ARENA = Arena.ofAuto();
    /// So much is walked through, that no cache holds it.
    private static final long BYTES = 256L << 20;
    private static final int ROUNDS = 9;
    private static DType dtype = DType.BF16;

    private ThinKernelsBenchmark() {}

    public static void main(String[] args) {
        if (args.length > 0 && args[0].equals("f32")) { dtype = DType.F32; }
        boolean bf16 = dtype == DType.BF16;
        Matmul matmul = MatmulChoice.open();
        var thin = new ThinLinear();
        var attention = new ThinAttention();
        System.out.printf("%s, Vector %d, %s%n", matmul.description(), Lanes.F.vectorBitSize(), dtype);
        copy();
        for (int[] shape : new int[][] {{768, 768}, {2048, 768}, {768, 2048}, {32_000, 768}, {1024, 4096}}) {
            int O = shape[0];
            int K = shape[1];
            int matrices = (int) Math.max(1, BYTES / dtype.bytes() / O / K);
            Tensor w = values((long) matrices * O, K);
            for (int N : new int[] {1, 2, 3, 4, 6, 8}) {
                Tensor x = values(N, K);
                Tensor y = values(N, O);
                String name = "N=%d O=%d K=%d".formatted(N, O, K);
                if (N <= ThinLinear.ROWS_MAX) {
                    time("thin   " + name, w.bytes(),
                            () -> each(matrices, m -> thin.multiply(y.data(), x.data(), w.rows((long) m * O, O).data(), N, O, K, bf16)));
                }
                time("matmul " + name, w.bytes(), () -> each(matrices, m -> matmul.multiply(bf16 ? Matmul.Types.BF16 : Matmul.Types.F32, y.data(), O, x.data(),
                        K, false, w.rows((long) m * O, O).data(), K, true, N, O, K, false)));
            }
        }
        for (int S : new int[] {64, 256, 1024}) {
            int caches = (int) (BYTES / dtype.bytes() / S / 768);
            Tensor k = values((long) caches * S, 768);
            Tensor v = values((long) caches * S, 768);
            Tensor q = values(768);
            Tensor lse = new Tensor(ARENA.allocate(4 * 12, 64), DType.F32, 12);
            time("attention T=1 S=%d H=12 D=64".formatted(S), 2 * k.bytes(), () -> each(caches, c -> attention.forward(values(768).data(), lse.data(), q.data(),
                    k.rows((long) c * S, S).data(), v.rows((long) c * S, S).data(), new AttentionShape(1, 1, S, 12, 12, 64, bf16, AttentionMask.CAUSAL))));
        }
    }

    private interface Body {
        void run(int index);
    }

    private static void each(int count, Body body) {
        for (int i = 0; i < count; i++) { body.run(i); }
    }

    private static void copy() {
        Tensor a = values(BYTES / dtype.bytes());
        Tensor b = values(BYTES / dtype.bytes());
        time("copy, read and write", 2 * BYTES, () -> b.data().copyFrom(a.data()));
    }

    private static Tensor values(long... shape) {
        var t = new Tensor(ARENA.allocate(Tensor.numel(shape) * dtype.bytes(), 64), dtype, shape);
        for (long i = 0; i < t.bytes() / 4; i++) { t.data().setAtIndex(Lanes.INT, i, 0x3c003c00 + (int) (i & 0xff)); }
        return t;
    }

    private static void time(String name, long bytes, Runnable body) {
        for (int i = 0; i < 3; i++) { body.run(); }
        double best = Double.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            long start = System.nanoTime();
            body.run();
            best = Math.min(best, (System.nanoTime() - start) / 1e9);
        }
        System.out.printf(Locale.ROOT, "%-40s %9.3f ms %8.1f GB/s%n", name, best * 1e3, bytes / best / 1e9);
    }
}
