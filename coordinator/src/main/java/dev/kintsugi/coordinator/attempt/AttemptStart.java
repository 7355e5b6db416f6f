package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.coordinator.plan.PlannedModel;
import dev.kintsugi.proto.v1.ResumePoint;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// What had to be read from storage before ranks may start.
///
/// @param sharding how the model is cut over the ranks, in words
/// @param resume the newest committed checkpoint; empty: from the beginning
/// @param isReplaceable whether another checkpoint may take the place of `resume` where that one turns out to be damaged
/// @param notes what people should know of the choice
/// @param logDir of the attempt, which exists
public record AttemptStart(PlannedModel model, String sharding, Optional<ResumePoint> resume, boolean isReplaceable, List<String> notes,
        Path logDir) {
    public long step() {
        return resume.map(ResumePoint::getStep).orElse(0L);
    }
}
