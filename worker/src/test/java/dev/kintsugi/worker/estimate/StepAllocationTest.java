package dev.kintsugi.worker.estimate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.collective.GroupConfig;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.MetaKernels;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What a step allocates after the first: nothing off the heap, and on it views and records of the tape, bounded.
class StepAllocationTest {
    private static final int LAYERS = 3;
    /// Of a step in interpreted code, where escape analysis saves nothing: 1.1 MiB were measured.
    private static final long GARBAGE_BYTES_MAX = 1_400_000;

    @ParameterizedTest
    @EnumSource(ActivationCheckpointing.class)
    void shouldAllocateNothingOffTheHeapAfterTheFirstStep(ActivationCheckpointing checkpointing) {
        CpuKernels kernels = CpuKernels.open();
        try (var rank = rank(kernels, DType.BF16, checkpointing)) {
            rank.steps(0, 0);
            String before = offHeap(kernels);
            rank.steps(0, 0);
            assertThat(offHeap(kernels)).isEqualTo(before);
        }
    }

    /// Memory of all Java arenas, and what oneDNN was asked to make.
    private static String offHeap(CpuKernels kernels) {
        BufferPoolMXBean direct = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream().filter(b -> b.getName().equals("direct"))
                .findFirst().orElseThrow();
        return "arenas: %d bytes in %d pieces; oneDNN primitives: %d".formatted(direct.getTotalCapacity(), direct.getCount(), kernels.primitivesMade());
    }

    /// Without kernels, and in f32, so that nothing is cast where units are gathered: whether vectors become objects is up to the compiler, which
    /// needs longer than a test.
    @ParameterizedTest
    @EnumSource(ActivationCheckpointing.class)
    void shouldLeaveLittleGarbage(ActivationCheckpointing checkpointing) {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (var rank = rank(new MetaKernels(), DType.F32, checkpointing)) {
            rank.steps(0, 0);
            long before = threads.getCurrentThreadAllocatedBytes();
            int steps = rank.steps(0, 0).size();
            long bytes = (threads.getCurrentThreadAllocatedBytes() - before) / (2 * steps);     // as many to warm up
            assertThat(bytes).isBetween(1L, GARBAGE_BYTES_MAX);
        }
    }

    private static ProbeRank rank(Kernels kernels, DType dtype, ActivationCheckpointing checkpointing) {
        var config = new LlamaConfig(32, 88, LAYERS, 4, 2, 8, 64, 16, 1e-6, 10_000, new RopeScaling.None(), false, false, false, 0.02);
        var job = new Workload(config, Sharding.fullShard(1), 1, 2, 16, dtype, checkpointing);
        return new ProbeRank(job, new GroupConfig("test", 1, 0, 1, GroupConfig.Transport.SHM, Path.of("unused"), Path.of("unused"), List.of(),
                Duration.ofSeconds(5)), kernels);
    }
}
