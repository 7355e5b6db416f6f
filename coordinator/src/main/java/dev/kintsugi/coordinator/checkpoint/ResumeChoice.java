package dev.kintsugi.coordinator.checkpoint;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory.Committed;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Which checkpoint of a job's own directory it goes on from: the newest whose manifest can be used.
///
/// @param checkpoint empty: none can be
/// @param skipped a sentence for each newer one that cannot, newest first
public record ResumeChoice(Optional<Committed> checkpoint, List<String> skipped) {
    /// Whether `--resume_from_checkpoint` asks for the newest, and so for the one before it where that one is no good.
    public static boolean isNewest(String wanted) {
        return wanted.equalsIgnoreCase("true") || wanted.equalsIgnoreCase("latest");
    }

    /// @param above only checkpoints of later steps than this count
    public static ResumeChoice newest(CheckpointDirectory own, long above) throws IOException {
        var skipped = new ArrayList<String>();
        for (Committed c : own.committed().reversed()) {
            if (c.step() <= above) { break; }
            try {
                CheckpointDirectory.manifest(c.directory());
                return new ResumeChoice(Optional.of(c), skipped);
            } catch (IllegalArgumentException e) {
                skipped.add("checkpoint %s cannot be resumed from: %s".formatted(c.name(), e.getMessage()));
            } catch (FileNotFoundException e) {
                skipped.add("checkpoint %s was removed meanwhile".formatted(c.name()));
            }
        }
        return new ResumeChoice(Optional.empty(), skipped);
    }
}
