package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.data.DatasetConfig;
import dev.kintsugi.worker.data.DatasetIndex;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The index files of a job, on storage that all ranks share: of what it trains on, and of what it evaluates on.
record DataFiles(Path training, Optional<Path> evaluation) {
    /// Rank 0 alone does it.
    ///
    /// @param vocabSize of the model
    static DataFiles prepare(JobSettings settings, int vocabSize, DatasetIndex.Listener listener) {
        JobSpec spec = settings.spec();
        Path training = prepare(settings, spec.getDatasetName(), settings.split(0), vocabSize, listener);
        if (!settings.evaluates()) {
            if (!settings.split(1).isEmpty()) {
                listener.note("nothing is evaluated on split '%s', for --eval_strategy is no".formatted(settings.split(1)));
            }
            return new DataFiles(training, Optional.empty());
        }
        String dataset = spec.getEvalDatasetName().isEmpty() ? spec.getDatasetName() : spec.getEvalDatasetName();
        return new DataFiles(training, Optional.of(prepare(settings, dataset, settings.split(1), vocabSize, listener)));
    }

    private static Path prepare(JobSettings settings, String dataset, String split, int vocabSize, DatasetIndex.Listener listener) {
        JobSpec spec = settings.spec();
        String tokenizer = spec.getTokenizerName().isEmpty() ? spec.getModelName() : spec.getTokenizerName();
        return DatasetIndex.prepare(new DatasetConfig(dataset, split, Path.of(tokenizer), settings.samples(), vocabSize, settings.outputDir(),
                spec.getThreads()), listener);
    }

    /// All ranks have rank 0's.
    ///
    /// @param mine null on all others
    static DataFiles agree(CollectiveGroup group, DataFiles mine) {
        var paths = new ArrayList<String>();
        if (mine != null) {
            paths.add(mine.training.toString());
            mine.evaluation.ifPresent(p -> paths.add(p.toString()));
        }
        byte[] first = group.exchange("dataset", String.join("\n", paths).getBytes(StandardCharsets.UTF_8)).getFirst();
        List<String> agreed = List.of(new String(first, StandardCharsets.UTF_8).split("\n"));
        return new DataFiles(Path.of(agreed.getFirst()), agreed.size() == 1 ? Optional.empty() : Optional.of(Path.of(agreed.getLast())));
    }
}
