package dev.kintsugi.client.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.LoadMemory;
import dev.kintsugi.proto.v1.RankMemory;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.proto.v1.WatchJobResponse;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReportTest {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(written, true, StandardCharsets.UTF_8);

    @Test
    void shouldWriteTheFirstStepThenEveryLoggingStepAndTheLastInAPipe() {
        Report report = new Report(out, 0);
        report.accept(change(JobState.STARTING));
        report.accept(change(JobState.RUNNING, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
        assertThat(lines()).extracting(line -> line.replaceFirst("  .*", ""))
                .containsExactly("starting the ranks ...", "training", "step 1/11", "step 4/11", "step 8/11", "step 11/11");
    }

    @Test
    void shouldCountTheTimeLeftFromTheStepsOwnSeconds() {
        Report report = new Report(out, 0);
        report.accept(change(JobState.RUNNING, 1));
        assertThat(lines().getLast()).endsWith("eta 20s");
    }

    @Test
    void shouldKeepNotesAboveTheBarOnATerminal() {
        Report report = new Report(out, 60);
        report.accept(change(JobState.RUNNING, 1, 2));
        report.accept(change(JobState.RUNNING).toBuilder().addNotes("checkpoint committed").build());
        report.finish();
        assertThat(written.toString(StandardCharsets.UTF_8)).contains("\r\u001b[2Kcheckpoint committed\n[")
                .endsWith("2/11  loss 2.0000  0 tok/s  eta 18s\n");
    }

    @Test
    void shouldShowMemoryOnceAllRanksHaveReportedIt() {
        Report report = new Report(out, 0);
        RankMemory rank = RankMemory.newBuilder().setEstimatedBytes(3 << 20).setPeakBytes(2 << 20).build();
        WatchJobResponse half = change(JobState.RUNNING);
        report.accept(half.toBuilder().setJob(half.getJob().toBuilder().addMemory(rank)).build());
        assertThat(lines()).containsExactly("training");
        WatchJobResponse whole = half.toBuilder().setJob(half.getJob().toBuilder().addMemory(rank).addMemory(rank)).build();
        report.accept(whole);
        report.accept(whole);
        assertThat(lines()).containsExactly("training", "  memory  3.00 MiB of tensors a rank by estimate, 2.00 MiB counted");
    }

    @Test
    void shouldShowWhatLoadingTookOfEachRank() {
        Report report = new Report(out, 0);
        var job = change(JobState.RUNNING).getJob().toBuilder();
        for (int r = 0; r < 2; r++) {
            LoadMemory cpu = LoadMemory.newBuilder().setBeforeBytes(100 << 20).setConsumedBytes((1000L + r) << 20).setPeakBytes(1500L << 20)
                    .setTotalPeakBytes(1600L << 20).build();
            job.addMemory(RankMemory.newBuilder().setRank(r).setEstimatedBytes(1 << 20).setCpuLoading(cpu).setGpuLoading(cpu.toBuilder().setBeforeBytes(0)));
        }
        report.accept(WatchJobResponse.newBuilder().setJob(job).build());
        assertThat(lines()).contains("  loading rank 1: CPU 100 MB before, 1,001 consumed, 1,500 peak, 1,600 total peak; "
                + "GPU 0 MB before, 1,001 consumed, 1,500 peak, 1,600 total peak");
    }

    private static WatchJobResponse change(JobState state, int... steps) {
        JobSpec spec = JobSpec.newBuilder().setWorldSize(2).setLoggingSteps(4).build();
        WatchJobResponse.Builder change = WatchJobResponse.newBuilder()
                .setJob(Job.newBuilder().setSpec(spec).setState(state).setMaxSteps(11).setGeneration(1));
        for (int step : steps) {
            change.addSteps(StepMetrics.newBuilder().setStep(step).setLoss(step).setStepSeconds(2));
        }
        return change.build();
    }

    private List<String> lines() {
        return written.toString(StandardCharsets.UTF_8).lines().toList();
    }
}
