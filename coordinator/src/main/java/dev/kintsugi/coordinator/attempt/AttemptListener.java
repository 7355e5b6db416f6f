package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.proto.v1.RankMemory;
import dev.kintsugi.proto.v1.StepMetrics;
import java.util.List;

/// What an attempt tells its job. Called on the control loop.
public interface AttemptListener {
    /// Every rank has its model and data.
    void running(List<RankMemory> memory, long maxSteps);

    void stepped(StepMetrics metrics);

    void committed(long step);

    /// A committed checkpoint turned out to be no good.
    ///
    /// @param goodStep of the newest that is left; 0: none
    void damaged(long goodStep);

    /// The final counters, by rank.
    ///
    /// @param lastStep fewer than planned where training ended early
    void finished(List<RankMemory> memory, long lastStep);

    void note(String text);

    /// The outcome is known; ranks are still leaving.
    void stopping(Outcome outcome);

    /// No rank is left, or the agents did not say so in time. Called once, last.
    void ended(Outcome outcome);
}
