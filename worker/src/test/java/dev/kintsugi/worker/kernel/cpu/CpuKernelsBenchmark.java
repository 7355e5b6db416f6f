package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.AttentionMask.CAUSAL;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.Kernels.AdamW;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/// Rates of the kernels on one core. Times are the thread's CPU time, best of [#ROUNDS], so other work on the machine disturbs
/// them little. Arguments: `java` for the matrix product without oneDNN, `bf16` for values of that dtype.
///
/// Run with the test class path: `java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -XX:CompileCommand=dontinline,*Loops::*
/// dev.kintsugi.worker.kernel.cpu.CpuKernelsBenchmark`.
final class CpuKernelsBenchmark {
    private static final int ROUNDS = 7;
    private static final Random RANDOM = new Random(1);
    private static final Arena ARENA = Arena.ofAuto();
    private static DType values = DType.F32;

    private CpuKernelsBenchmark() {}

    public static void main(String[] args) {
        List<String> flags = List.of(args);
        if (flags.contains("bf16")) { values = DType.BF16; }
        CpuKernels kernels = flags.contains("java") ? new CpuKernels(new VectorMatmul()) : CpuKernels.open();
        System.out.println(kernels.description() + ", JDK " + Runtime.version());
        products(kernels, 2048, 768, 768);
        products(kernels, 2048, 768, 2048);
        products(kernels, 512, 768, 32_000);
        products(kernels, 207, 768, 768);
        products(kernels, 1024, 384, 1024);
        for (int T : new int[] {512, 1024}) { attention(kernels, 4, T, 12, 12, 64, CAUSAL); }
        attention(kernels, 8, 128, 6, 6, 64, CAUSAL);
        attention(kernels, 4, 256, 8, 2, 32, CAUSAL);
        attention(kernels, 1, 4096, 12, 12, 64, CAUSAL);
        attention(kernels, 1, 4096, 12, 12, 64, new AttentionMask(512));
        decode(kernels, 1024, 12, 64);
        rows(kernels, 2048, 768);
        rows(kernels, 207, 1023);
        loss(kernels, 128, 32_000);
        optimizer(kernels, 8_000_000);
    }

    private static void products(CpuKernels kernels, int N, int K, int O) {
        Tensor x = normal(N, K);
        Tensor w = normal(O, K);
        Tensor y = normal(N, O);
        Tensor dw = f32(O, K);
        double flops = 2.0 * N * K * O;
        String shape = N + "x" + K + "x" + O;
        flops("linear " + shape, flops, () -> kernels.linear(y, x, w, null));
        flops("linearBackwardInput " + shape, flops, () -> kernels.linearBackwardInput(x, y, w, false));
        flops("linearBackwardWeight " + shape, flops, () -> kernels.linearBackwardWeight(dw, null, y, x, false));
    }

    /// Forward counts 2 products of T x T / 2 x D a head (causal), or of the pairs that a window leaves, backward 5.
    private static void attention(CpuKernels kernels, int B, int T, int H, int G, int D, AttentionMask mask) {
        Tensor q = normal(B, T, H, D);
        Tensor k = normal(B, T, G, D);
        Tensor v = normal(B, T, G, D);
        Tensor out = normal(B, T, H, D);
        Tensor lse = f32(B, H, T);
        Tensor scratch = f32(kernels.attentionScratchNumel(B, T, T, H, G, D));
        String shape = "B=%d T=%d H=%d G=%d D=%d %s".formatted(B, T, H, G, D, mask.equals(CAUSAL) ? "" : mask);
        double window = Math.min(T, mask.window());
        double product = 2.0 * B * H * window * (T - window / 2) * D;
        flops("attention " + shape, 2 * product, () -> kernels.attention(out, lse, q, k, v, mask, scratch));
        Tensor dq = normal(B, T, H, D);
        Tensor dk = normal(B, T, G, D);
        Tensor dv = normal(B, T, G, D);
        Tensor dout = normal(B, T, H, D);
        flops("attentionBackward " + shape, 5 * product,
                () -> kernels.attentionBackward(dq, dk, dv, dout, out, lse, q, k, v, mask, scratch));
    }

    private static void decode(CpuKernels kernels, int S, int H, int D) {
        Tensor q = normal(1, 1, H, D);
        Tensor k = normal(1, S, H, D);
        Tensor out = normal(1, 1, H, D);
        Tensor lse = f32(1, H, 1);
        Tensor scratch = f32(kernels.attentionScratchNumel(1, 1, S, H, H, D));
        bytes("attention T=1 S=%d H=%d D=%d".formatted(S, H, D), 2.0 * k.bytes(),
                () -> kernels.attention(out, lse, q, k, k, CAUSAL, scratch));
    }

    private static void rows(CpuKernels kernels, int N, int C) {
        Tensor x = normal(N, C);
        Tensor y = normal(N, C);
        Tensor z = normal(N, C);
        Tensor w = normal(C);
        Tensor dw = f32(C);
        Tensor rstd = f32(N);
        String shape = " " + N + "x" + C;
        bytes("rmsNorm" + shape, 2.0 * x.bytes(), () -> kernels.rmsNorm(y, rstd, x, w, 1e-5));
        bytes("rmsNormBackward" + shape, 4.0 * x.bytes(), () -> kernels.rmsNormBackward(z, dw, y, x, w, rstd));
        bytes("swiglu" + shape, 3.0 * x.bytes(), () -> kernels.swiglu(z, x, y));
        Tensor dx = normal(N, C);
        bytes("swigluBackward" + shape, 6.0 * x.bytes(), () -> kernels.swigluBackward(dx, z, y, y, x, z));
        bytes("add" + shape, 3.0 * x.bytes(), () -> kernels.add(z, x, y));
        Tensor g = f32(N, C);
        bytes("rowSumsOfSquares" + shape, g.bytes(), () -> kernels.rowSumsOfSquares(new double[N], g));
    }

    private static void loss(CpuKernels kernels, int N, int V) {
        Tensor logits = normal(N, V);
        Tensor labels = new Tensor(ARENA.allocate(N * 4L, 64), DType.I32, N);
        bytes("crossEntropy %dx%d".formatted(N, V), 2.0 * logits.bytes(), () -> kernels.crossEntropy(logits, labels, 1, true));
    }

    private static void optimizer(CpuKernels kernels, int n) {
        Tensor p = f32(n);
        Tensor m = f32(n);
        Tensor v = f32(n);
        Tensor g = f32(n);
        kernels.fill(v, 1);
        var step = new AdamW(1e-4, 0.9, 0.95, 1e-8, 0.1, 0.1, 0.05, 1);
        bytes("adamw " + n, 7.0 * p.bytes(), () -> kernels.adamw(p, m, v, g, step));
        bytes("accumulate " + n, 3.0 * p.bytes(), () -> kernels.accumulate(p, g));
    }

    private static Tensor normal(long... shape) {
        return normal(values, shape);
    }

    private static Tensor f32(long... shape) {
        return normal(DType.F32, shape);
    }

    private static Tensor normal(DType dtype, long... shape) {
        var t = new Tensor(ARENA.allocate(Tensor.numel(shape) * dtype.bytes(), 64), dtype, shape);
        for (long i = 0; i < t.numel(); i++) { Lanes.set(t.data(), i, (float) RANDOM.nextGaussian(), dtype == DType.BF16); }
        return t;
    }

    private static void flops(String name, double flops, Runnable body) {
        double seconds = best(body);
        System.out.printf(Locale.ROOT, "%-48s %9.3f ms %8.1f GFLOP/s%n", name, seconds * 1e3, flops / seconds / 1e9);
    }

    private static void bytes(String name, double bytes, Runnable body) {
        double seconds = best(body);
        System.out.printf(Locale.ROOT, "%-48s %9.3f ms %8.1f GB/s%n", name, seconds * 1e3, bytes / seconds / 1e9);
    }

    /// CPU seconds a call, after warming up for a second.
    private static double best(Runnable body) {
        long calls = 0;
        for (long start = cpuNs(); cpuNs() - start < 1_000_000_000L; calls++) { body.run(); }
        calls = Math.max(1, calls / 5);
        double best = Double.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            long start = cpuNs();
            for (long i = 0; i < calls; i++) { body.run(); }
            best = Math.min(best, (cpuNs() - start) / 1e9 / calls);
        }
        return best;
    }

    private static long cpuNs() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
}
