package dev.kintsugi.client.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.Evaluated;
import dev.kintsugi.proto.v1.StepMetrics;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProgressLineTest {
    private static final StepMetrics STEP = StepMetrics.newBuilder().setStep(75).setLoss(4.56789).setGradNorm(1.5).setLearningRate(3e-4)
            .setTokensPerSecond(12345.6).build();

    @Test
    void shouldShowAllFiguresInAPipe() {
        assertThat(ProgressLine.plain(STEP, 300, 192)).isEqualTo(
                "step 75/300  loss 4.5679  grad_norm 1.500  learning_rate 3.000e-04  12,346 tokens/s  eta 3m12s");
    }

    @Test
    void shouldShowTheShareOfThePeakWhereItIsKnown() {
        StepMetrics known = STEP.toBuilder().setMfu(0.6042).build();
        assertThat(ProgressLine.plain(known, 300, 192)).endsWith("12,346 tokens/s  mfu 60.4 %  eta 3m12s");
        assertThat(ProgressLine.bar(known, 300, 192, 100)).endsWith("12,346 tok/s  mfu 60.4 %  eta 3m12s");
    }

    @Test
    void shouldShowAnEvaluation() {
        StepMetrics evaluated = STEP.toBuilder().setEvaluated(Evaluated.newBuilder().setLoss(4.61234)).build();
        assertThat(ProgressLine.plain(evaluated, 300, 192)).startsWith("step 75/300  loss 4.5679  eval_loss 4.6123  grad_norm 1.500");
        assertThat(ProgressLine.bar(evaluated, 300, 192, 100)).endsWith("loss 4.5679  eval_loss 4.6123  12,346 tok/s  eta 3m12s");
    }

    @Test
    void shouldFillAQuarterOfTheBarAfterAQuarterOfTheSteps() {
        assertThat(ProgressLine.bar(STEP, 300, 192, 100))
                .isEqualTo("[" + "█".repeat(7) + "▌" + " ".repeat(22) + "] 75/300  loss 4.5679  12,346 tok/s  eta 3m12s");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 20, 45, 50, 60, 80, 200})
    void shouldNeverBeAsWideAsTheTerminal(int width) {
        assertThat(ProgressLine.bar(STEP, 300, 192, width).length()).isLessThan(width);
    }

    @Test
    void shouldShowAnEmptyBarWhileTheNumberOfStepsIsUnknown() {
        assertThat(ProgressLine.bar(STEP, 0, Double.NaN, 100)).startsWith("[" + " ".repeat(30) + "] 75/0").endsWith("eta ?");
    }
}
