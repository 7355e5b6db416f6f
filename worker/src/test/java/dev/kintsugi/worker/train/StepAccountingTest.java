package dev.kintsugi.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.fsdp.PhaseClock;
import dev.kintsugi.worker.kernel.KernelFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StepAccountingTest {
    @TempDir
    Path directory;

    /// 16 ranks of 312 TFLOP/s, a step of 16 samples of 2048 tokens of a 70B model in 13.5 h / 500: 2.84 %, not the 45 % of one rank's peak.
    @Test
    void shouldDivideByThePeakOfAllRanks() throws Exception {
        var spec = JobSpec.newBuilder().setGradientAccumulationSteps(1).setPerDeviceTrainBatchSize(1).setMaxLength(2048).build();
        StepMetrics metrics;
        try (var accounting = new StepAccounting(JobSettings.of(spec, 16), 70_000_000_000L, new PhaseClock(), PeakFlops.given(312))) {
            metrics = accounting.metrics(new Progress(3, 48, 98_304, 0), 16 * 2048, 2.5, 1, 1e-4, 13.5 * 3600 / 500);
        }
        assertThat(metrics.getMfu()).isCloseTo(0.0284, within(0.00005));
        assertThat(metrics.getTokensPerSecond()).isCloseTo(16 * 2048 / 97.2, within(0.01));
        try (var file = new MetricsFile(directory.resolve("metrics.jsonl"), 0)) { file.append(metrics); }
        assertThat(Files.readString(directory.resolve("metrics.jsonl"))).contains("\"tokens_per_second\":337.1,", "\"mfu\":0.0283",
                "\"peak_flops_per_second\":312000000000000,", "\"phases\":{\"data\":0.0,");
    }

    @Test
    void shouldGiveRanksThatShareCoresTheirShareOfThePeak() {
        assertThat(PeakFlops.share(2, 2, 1)).isEqualTo(1);
        assertThat(PeakFlops.share(2, 4, 1)).isEqualTo(0.5);
        assertThat(PeakFlops.share(2, 1, 4)).isEqualTo(0.5);
        assertThat(PeakFlops.share(64, 2, 1)).isEqualTo(1);
    }

    @Test
    void shouldMeasureAgainOnlyWhenTheLastMeasurementIsOld() {
        try (var peak = PeakFlops.measured(KernelFactory.open("cpu", 1), DType.F32, 1, 0)) {
            double first = peak.flopsPerSecond(1);
            assertThat(first).isBetween(1e8, 1e14);
            assertThat(peak.flopsPerSecond(14_000_000_000L)).isEqualTo(first);
            assertThat(peak.flopsPerSecond(16_000_000_000L)).isNotEqualTo(first);
        }
    }
}
