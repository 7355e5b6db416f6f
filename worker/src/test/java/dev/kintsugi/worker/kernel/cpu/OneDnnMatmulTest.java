package dev.kintsugi.worker.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OneDnnMatmulTest {
    private static OneDnn dnn;

    @BeforeAll
    static void load() throws IOException {
        assumeTrue(OneDnnLibrary.isPresent(), "oneDNN has no library for this platform");
        dnn = new OneDnn(OneDnnLibrary.extract(OneDnnLibrary.userCache()));
    }

    /// The shapes of a block of a 768-wide model, where oneDNN blocks and copies operands as it does not for small ones.
    @Test
    void shouldGiveTheSameBitsWhateverTheAlignment() {
        var matmul = new OneDnnMatmul(dnn);
        int m = 207;
        int n = 1024;
        int k = 768;
        for (Matmul.Types types : Matmul.Types.values()) {
            for (boolean transA : new boolean[] {false, true}) {
                for (boolean transB : new boolean[] {false, true}) {
                    MemorySegment first = null;
                    for (long offset : new long[] {0, 4, 20, 64, 128}) {
                        MemorySegment a = numbers(1, (long) m * k, offset, types.bf16Inputs);
                        MemorySegment b = numbers(2, (long) k * n, offset, types.bf16Inputs);
                        MemorySegment c = numbers(3, (long) m * n, offset, types.bf16Output);
                        matmul.multiply(types, c, n, a, transA ? m : k, transA, b, transB ? k : n, transB, m, n, k, true);
                        first = first == null ? c : first;
                        assertThat(c.mismatch(first)).as("%s transA=%s transB=%s offset=%d", types, transA, transB, offset).isEqualTo(-1);
                    }
                }
            }
        }
    }

    @Test
    void shouldGiveTheSameBitsOnAnyThread() throws Exception {
        var matmul = new OneDnnMatmul(dnn);
        Callable<MemorySegment> product = () -> {
            MemorySegment c = numbers(3, 512 * 300, 0);
            matmul.multiply(Matmul.Types.F32, c, 300, numbers(1, 512 * 768, 0), 768, false, numbers(2, 768 * 300, 0), 768, true, 512, 300, 768, false);
            return c;
        };
        MemorySegment here = product.call();
        try (var executor = Executors.newSingleThreadExecutor()) {
            assertThat(executor.submit(product).get().mismatch(here)).isEqualTo(-1);
        }
    }

    @Test
    void shouldForgetTheLeastRecentShapeAndMakeItAgain() {
        var matmul = new OneDnnMatmul(dnn, 2);
        MemorySegment a = numbers(1, 64 * 64, 0);
        MemorySegment expected = numbers(0, 64 * 64, 0);
        matmul.multiply(Matmul.Types.F32, expected, 64, a, 64, false, a, 64, true, 64, 64, 64, false);
        for (int round = 0; round < 3; round++) {
            for (int m = 1; m <= 4; m++) {
                MemorySegment c = numbers(0, 64 * 64, 0);
                matmul.multiply(Matmul.Types.F32, c, 64, a, 64, false, a, 64, true, m, 64, 64, false);
                for (long i = 0; i < m * 64; i++) {
                    assertThat(c.get(Lanes.FLOAT, i * 4)).isCloseTo(expected.get(Lanes.FLOAT, i * 4), within(1e-4f));
                }
            }
        }
    }

    @Test
    void shouldRefuseASegmentThatIsTooSmall() {
        MemorySegment small = numbers(1, 63, 0);
        MemorySegment right = numbers(1, 64, 0);
        assertThatThrownBy(() -> new OneDnnMatmul(dnn).multiply(Matmul.Types.F32, right, 8, small, 8, false, right, 8, true, 8, 8, 8, false))
                .isInstanceOf(IndexOutOfBoundsException.class).hasMessageContaining("a of 8 x 8");
    }

    @Test
    void shouldUnpackOnceWhenProcessesStartTogether(@TempDir Path cache) throws Exception {
        try (var executor = Executors.newFixedThreadPool(2)) {
            Callable<Path> extract = () -> OneDnnLibrary.extract(cache);
            var results = executor.invokeAll(List.of(extract, extract));
            assertThat(results.get(0).get()).isEqualTo(results.get(1).get()).isRegularFile();
        }
        try (Stream<Path> files = Files.walk(cache).filter(Files::isRegularFile)) {
            assertThat(files.map(f -> f.getFileName().toString())).containsExactlyInAnyOrder("libdnnl.so.3", "libgomp.so.1");
        }
        Path library = OneDnnLibrary.extract(cache);
        Files.write(library, new byte[] {1});
        OneDnnLibrary.extract(cache);
        assertThat(Files.size(library)).as("a truncated library is replaced").isGreaterThan(1_000_000);
    }

    /// `n` normal numbers, starting `offset` bytes past a cache line; the same for the same seed.
    private static MemorySegment numbers(long seed, long n, long offset) {
        return numbers(seed, n, offset, false);
    }

    private static MemorySegment numbers(long seed, long n, long offset, boolean bf16) {
        var random = new Random(seed);
        MemorySegment x = Arena.ofAuto().allocate(n * (bf16 ? 2 : 4) + offset, 64).asSlice(offset);
        for (long i = 0; i < n; i++) { Lanes.set(x, i, (float) random.nextGaussian(), bf16); }
        return x;
    }
}
