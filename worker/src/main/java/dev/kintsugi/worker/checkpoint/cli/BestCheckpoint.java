package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.BestEvaluation;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.failure.CallerException;
import java.util.Comparator;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;

/// Of a job with `--load_best_model_at_end True`, the checkpoint of the best evaluation is the result, not the newest.
final class BestCheckpoint {
    private BestCheckpoint() {}

    /// What an output directory, or a directory of checkpoints, is meant to give: the best where the job wanted it, else the newest. A checkpoint that is
    /// named itself is that one.
    ///
    /// @throws CallerException if there is no such checkpoint
    static CheckpointDirectory orNewest(StoragePath dir) {
        CheckpointDirectory newest = CheckpointDirectory.find(dir);
        long best = newest.path().equals(dir) ? 0 : wantedBy(List.of(newest.manifest()));
        if (best == 0 || best == newest.manifest().step()) { return newest; }
        StoragePath wanted = newest.path().parent().resolve(CheckpointLayout.stepDirectory(best));
        if (!CheckpointDirectory.committed(newest.path().parent()).contains(wanted)) {
            throw new CallerException("the job wanted its best model, of step %d, but %s is no checkpoint any more; name one that is there, such as %s"
                    .formatted(best, wanted, newest.path()));
        }
        return CheckpointDirectory.open(wanted);
    }

    /// The step that the newest of these calls the best; 0: none, or the job did not ask for it.
    static long wantedBy(List<Manifest> checkpoints) {
        return checkpoints.stream().max(Comparator.comparingLong(Manifest::step))
                .filter(m -> new JsonMapper().readTree(m.jobConfigJson()).path("load_best_model_at_end").asBoolean(false))
                .flatMap(m -> m.training().best()).map(BestEvaluation::step).orElse(0L);
    }
}
