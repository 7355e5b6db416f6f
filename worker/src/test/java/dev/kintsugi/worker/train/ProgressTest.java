package dev.kintsugi.worker.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.JobSpec;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private static final JobSpec TWO_EPOCHS = JobSpec.newBuilder().setMicrobatchesPerStep(10).setPerDeviceTrainBatchSize(2).setMaxLength(64)
            .setNumTrainEpochs(2).build();
    private static final JobSettings SETTINGS = JobSettings.of(TWO_EPOCHS, 5);

    @Test
    void shouldCountSamplesApartFromSteps() {
        Progress progress = new Progress(4, 96, 900, 1).next(20, 100).skip(20, 50);
        assertThat(progress).isEqualTo(new Progress(6, 136, 1050, 2));
        assertThat(progress.back(2, 0.5).back(1, 0.5)).as("weights of an earlier update, at a quarter of the rate")
                .isEqualTo(new Progress(6, 136, 1050, 5, 0.25));
        assertThat(progress.updates()).isEqualTo(4);
    }

    @Test
    void shouldEndWithTheSameStepWhereverARunWithAsManyMicrobatchesGoesOnFrom() {
        Progress progress = Progress.NONE;
        for (int step = 0; step < 34; step++) {
            assertThat(SETTINGS.maxSteps(333, progress)).isEqualTo(34);
            progress = progress.next(SETTINGS.samplesPerStep(), 0);
        }
    }

    /// 666 samples in all, of which 48 a step are used up to step 4, then 20 a step.
    @Test
    void shouldEndWhenTheEpochsAreOverThoughStepsHadMoreSamplesBefore() {
        Progress progress = new Progress(4, 192, 0, 0);
        long last = SETTINGS.maxSteps(333, progress);
        assertThat(last).isEqualTo(28);
        while (progress.steps() < last) {
            progress = progress.next(SETTINGS.samplesPerStep(), 0);
            assertThat(SETTINGS.maxSteps(333, progress)).isEqualTo(last);
        }
        assertThat(progress.samples()).isEqualTo(672);
    }
}
