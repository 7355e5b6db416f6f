package dev.kintsugi.client.quickstart;

import dev.kintsugi.client.spec.UsageException;

/// The numbers of a quickstart. The micro-batches of a step are the same before and after the resume on another number of ranks,
/// so they are a multiple of both.
///
/// @param steps of the whole training
/// @param ranks before the interruption
public record QuickstartPlan(int steps, int ranks) {
    /// With fewer there would be no checkpoint to resume from before the end.
    private static final int LEAST_STEPS = 8;
    private static final int QUARTERS = 4;

    public QuickstartPlan {
        if (steps < LEAST_STEPS) {
            throw new UsageException("--steps=%d is too few to show a resume; write %d or more.".formatted(steps, LEAST_STEPS));
        }
        if (ranks < 1 || ranks > 64) {
            throw new UsageException("--ranks=%d is not a number of processes for one machine; write 1 to 64.".formatted(ranks));
        }
    }

    int saveSteps() {
        return steps / QUARTERS;
    }

    /// The checkpoint after which the first training is stopped.
    int stopAfter() {
        return (QUARTERS - 1) * saveSteps();
    }

    int resumeRanks() {
        return ranks == 1 ? 2 : ranks % 2 == 0 ? ranks / 2 : 1;
    }

    int microbatches() {
        return ranks <= 2 || ranks == 4 ? 4 : ranks * resumeRanks() / greatestCommonDivisor(ranks, resumeRanks());
    }

    int warmupSteps() {
        return Math.max(1, steps / 20);
    }

    int loggingSteps() {
        return Math.max(1, steps / 20);
    }

    private static int greatestCommonDivisor(int a, int b) {
        return b == 0 ? a : greatestCommonDivisor(b, a % b);
    }
}
