package dev.kintsugi.worker.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.DropoutMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.Kernels.AdamW;
import dev.kintsugi.worker.kernel.Kernels.RmsProp;
import dev.kintsugi.worker.kernel.Kernels.Sgd;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.Tensor;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Every operation on random odd shapes, against the reference, and against itself at other addresses.
class CpuKernelsPropertyTest {
    private static final int TRIALS = 10;
    private static final Kernels MACHINE = CpuKernels.open();
    private static final Kernels JAVA = new CpuKernels(new VectorMatmul());
    private static final Kernels THREADED = ThreadedKernels.open(3);

    static Stream<Arguments> devices() {
        return Stream.of(MACHINE, JAVA, THREADED).flatMap(device -> Stream.of(DType.F32, DType.BF16).map(values -> Arguments.of(device, values)));
    }

    private static void repeat(Kernels device, DType values, Consumer<Trial> body) {
        for (int i = 0; i < TRIALS; i++) { body.accept(new Trial(device, values)); }
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldMultiplyLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int N = t.size();
            int K = t.size();
            int O = t.size();
            boolean biased = t.coin();
            t.check(1e-5, (k, a) -> k.linear(a[0], a[1], a[2], a[3]), t.value(N, O), t.value(N, K), t.value(O, K), biased ? t.value(O) : null);
            boolean accumulate = t.coin();
            t.check(1e-5, (k, a) -> k.linearBackwardInput(a[0], a[1], a[2], accumulate), t.value(N, K), t.value(N, O), t.value(O, K));
            t.check(1e-5, (k, a) -> k.linearBackwardWeight(a[0], a[1], a[2], a[3], accumulate), t.normal(O, K), biased ? t.normal(O) : null,
                    t.value(N, O), t.value(N, K));
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldAttendLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int B = t.upTo(2);
            int G = t.upTo(2);
            int H = G * t.upTo(2);
            int D = 2 * t.upTo(10);
            int S = t.size() + (t.coin() ? 530 : 0);
            int T = t.coin() ? S : t.upTo(S);
            int window = t.coin() ? Integer.MAX_VALUE : t.upTo(S + 5);
            var mask = new AttentionMask(window, T == S && t.coin() ? t.positions(B, T) : null);
            Tensor q = t.value(B, T, H, D);
            Tensor k = t.value(B, S, G, D);
            Tensor v = t.value(B, S, G, D);
            Tensor out = t.value(B, T, H, D);
            Tensor lse = t.normal(B, H, T);
            Tensor scratch = t.normal(device.attentionScratchNumel(B, T, S, H, G, D));
            t.check(1e-5, (kernels, a) -> kernels.attention(a[0], a[1], a[2], a[3], a[4], mask, scratch), out, lse, q, k, v);
            if (T == S) {
                device.attention(out, lse, q, k, v, mask, scratch);
                t.check(1e-5, (kernels, a) -> kernels
                        .attentionBackward(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], mask, scratch),
                        t.value(B, T, H, D), t.value(B, S, G, D), t.value(B, S, G, D), t.value(B, T, H, D), out, lse, q, k, v);
            }
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldNormaliseLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int N = t.size();
            int C = t.size();
            Tensor x = t.value(N, C);
            Tensor w = t.value(C);
            Tensor rstd = t.normal(N);
            t.check(2e-6, (k, a) -> k.rmsNorm(a[0], a[1], a[2], a[3], 1e-5), t.value(N, C), rstd, x, w);
            device.rmsNorm(t.value(N, C), rstd, x, w, 1e-5);
            t.check(5e-6, (k, a) -> k.rmsNormBackward(a[0], a[1], a[2], a[3], a[4], a[5]), t.value(N, C), t.normal(C),
                    t.value(N, C), x, w, rstd);
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldNormaliseAroundTheMeanLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int N = t.size();
            int C = 1 + t.size();
            Tensor x = t.value(N, C);
            Tensor w = t.value(C);
            Tensor b = t.value(C);
            Tensor statistics = t.normal(N, 2);
            t.check(3e-6, (k, a) -> k.layerNorm(a[0], a[1], a[2], a[3], a[4], 1e-3), t.value(N, C), statistics, x, w, b);
            device.layerNorm(t.value(N, C), statistics, x, w, b, 1e-3);
            t.check(5e-6, (k, a) -> k.layerNormBackward(a[0], a[1], a[2], a[3], a[4], a[5], a[6]), t.value(N, C), t.normal(C), t.normal(C),
                    t.value(N, C), x, w, statistics);
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldActivateLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int n = t.size() * t.upTo(20);
            for (Activation kind : Activation.values()) {
                t.check(1e-6, (k, a) -> k.gelu(a[0], a[1], kind), t.value(n), t.value(n));
                t.check(1e-6, (k, a) -> k.geluBackward(a[0], a[1], a[2], a[3], kind), t.value(n), t.value(n), t.value(n), t.value(n));
                t.check(1e-6, (k, a) -> k.geluBackward(a[1], a[0], a[0], a[1], kind), t.value(n), t.value(n));
            }
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldSplitAndJoinHeadsLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int N = t.size();
            int D = t.upTo(20);
            int C = t.upTo(4) * D;
            t.check(0, (k, a) -> k.splitHeads(a[0], a[1], a[2], a[3], D), t.value(N, C), t.value(N, C), t.value(N, C), t.value(N, 3L * C));
            t.check(0, (k, a) -> k.joinHeads(a[0], a[1], a[2], a[3], D), t.value(N, 3L * C), t.value(N, C), t.value(N, C), t.value(N, C));
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldDoElementwiseOperationsLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int n = t.size() * t.size();
            t.check(0, (k, a) -> k.fill(a[0], 1.5), t.value(n));
            t.check(0, (k, a) -> k.copy(a[0], a[1]), t.value(n), t.value(n));
            t.check(1e-7, (k, a) -> k.add(a[0], a[1], a[2]), t.value(n), t.value(n), t.value(n));
            t.check(1e-7, (k, a) -> k.accumulate(a[0], a[1]), t.value(n), t.value(n));
            t.check(1e-6, (k, a) -> k.swiglu(a[0], a[1], a[2]), t.value(n), t.value(n), t.value(n));
            t.check(1e-6, (k, a) -> k.swigluBackward(a[0], a[1], a[2], a[3], a[4], a[5]), t.value(n), t.value(n), t.value(n), t.value(n),
                    t.value(n), t.value(n));
            t.check(1e-6, (k, a) -> k.swigluBackward(a[1], a[2], a[0], a[0], a[1], a[2]), t.value(n), t.value(n), t.value(n));
            var step = new AdamW(1e-2, 0.9, 0.95, 1e-8, 0.1, 1 - Math.pow(0.9, 3), 1 - Math.pow(0.95, 3), 0.7);
            t.check(2e-6, (k, a) -> k.adamw(a[0], a[1], a[2], a[3], step), t.normal(n), t.normal(n), t.positive(n), t.normal(n));
            var descent = new Sgd(1e-2, 0.9, 0.8, t.coin(), 0.1, 0.7);
            t.check(2e-6, (k, a) -> k.sgd(a[0], a[1], a[2], descent), t.normal(n), t.coin() ? t.normal(n) : null, t.normal(n));
            boolean centered = t.coin();
            var rms = new RmsProp(1e-2, 0.99, 1e-2, 0.9, 0.1, 0.7);
            t.check(5e-6, (k, a) -> k.rmsprop(a[0], a[1], a[2], a[3], a[4], rms), t.normal(n), t.between(2, 3, n), t.coin() ? t.normal(n) : null,
                    centered ? t.between(-0.5, 0.5, n) : null, t.normal(n));
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldAdaptLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int N = t.size();
            int K = t.size();
            int O = t.size();
            t.check(1e-5, (k, a) -> k.linearAdd(a[0], a[1], a[2]), t.value(N, O), t.value(N, K), t.value(O, K));
            t.check(1e-6, (k, a) -> k.scale(a[0], 0.3), t.value(N, K));
            var mask = new DropoutMask(0.4, t.seed);
            boolean accumulate = t.coin();
            t.check(1e-6, (k, a) -> k.dropout(a[0], a[1], mask, 5, accumulate), t.value(N, K), t.value(N, K));
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldRotateLikeReferenceAndBack(Kernels device, DType values) {
        repeat(device, values, t -> {
            int B = t.upTo(3);
            int T = t.upTo(9);
            int D = 2 * t.size();
            int first = t.upTo(5) - 1;
            int half = t.coin() ? D / 2 : t.upTo(D / 2);
            Tensor cos = t.normal(first + T + 1, half);
            Tensor sin = t.normal(first + T + 1, half);
            boolean inverse = t.coin();
            t.check(1e-6, (k, a) -> k.rotary(a[0], a[1], a[2], first, inverse), t.value(B, T, t.upTo(3), D), cos, sin);
            Tensor positions = t.positions(B, T);
            t.check(1e-6, (k, a) -> k.rotary(a[0], a[1], a[2], positions, inverse), t.value(B, T, t.upTo(3), D), cos, sin);
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldEmbedLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int N = t.size();
            int V = t.size();
            int C = t.size();
            Tensor ids = t.ints(0, V, N);
            t.check(0, (k, a) -> k.embedding(a[0], a[1], a[2]), t.value(N, C), ids, t.value(V, C));
            t.check(2e-6, (k, a) -> k.embeddingBackward(a[0], a[1], a[2]), t.normal(V, C), t.value(N, C), ids);
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldScoreLikeReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int N = t.size();
            int V = t.coin() ? t.size() : 2 + t.upTo(5000);
            Tensor labels = t.ints(-1, V, N);
            Tensor logits = t.value(N, V);
            t.check(2e-6, (k, a) -> k.crossEntropy(a[0], a[1], 0.37, true), logits, labels);
            double loss = device.crossEntropy(logits, labels, 1, false);
            assertThat(loss).isCloseTo(new ReferenceKernels().crossEntropy(logits, labels, 1, false), within(1e-5 * N));
            double smoothing = t.upTo(9) / 10.0;
            t.check(2e-6, (k, a) -> k.crossEntropy(a[0], a[1], 0.37, smoothing, true), logits, labels);
            assertThat(device.crossEntropy(logits, labels, 1, smoothing, false))
                    .isCloseTo(new ReferenceKernels().crossEntropy(logits, labels, 1, smoothing, false), within(1e-5 * N));
            assertThat(device.crossEntropy(logits, labels, 1, true)).isEqualTo(loss);
        });
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void shouldSumSquaresToTheSameBitsAsReference(Kernels device, DType values) {
        repeat(device, values, t -> {
            int rows = t.size();
            Tensor g = t.normal(rows, t.size());
            var expected = new double[rows];
            var actual = new double[rows];
            new ReferenceKernels().rowSumsOfSquares(expected, g);
            device.rowSumsOfSquares(actual, g);
            assertThat(actual).isEqualTo(expected);
        });
    }
}
