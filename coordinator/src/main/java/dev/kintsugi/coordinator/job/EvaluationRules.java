package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.proto.v1.JobSpec;
import java.util.List;

/// Evaluation during training: what is wrong with what a spec says of it, and what it means where it says nothing. Pure.
final class EvaluationRules {
    private static final List<String> STRATEGIES = List.of("no", "steps", "epoch");
    private static final List<String> METRICS = List.of("eval_loss", "loss");

    private EvaluationRules() {}

    /// `no`, `steps` or `epoch`.
    static String strategy(JobSpec spec) {
        return spec.hasEvalStrategy() ? spec.getEvalStrategy() : spec.hasEvalSteps() ? "steps" : "no";
    }

    static boolean evaluates(JobSpec spec) {
        return !strategy(spec).equals("no");
    }

    /// The split to evaluate on; empty: all files.
    static String split(JobSpec spec) {
        List<String> names = splits(spec);
        return names.size() < 2 ? "" : names.get(1);
    }

    private static List<String> splits(JobSpec spec) {
        return spec.getSplits().isEmpty() ? List.of() : List.of(spec.getSplits().split(",", -1)).stream().map(String::strip).toList();
    }

    static void check(JobSpec spec) {
        require(STRATEGIES.contains(strategy(spec)), "--eval_strategy=%s is unknown; use one of %s", strategy(spec), String.join(", ", STRATEGIES));
        JobSpecRules.atLeast("--eval_steps", spec.hasEvalSteps(), spec.getEvalSteps(), 1);
        require(!spec.hasEvalSteps() || strategy(spec).equals("steps"), "--eval_steps=%d is for --eval_strategy steps alone, not %s; leave one of them out",
                spec.getEvalSteps(), strategy(spec));
        JobSpecRules.atLeast("--per_device_eval_batch_size", spec.hasPerDeviceEvalBatchSize(), spec.getPerDeviceEvalBatchSize(), 1);
        checkData(spec);
        checkBest(spec);
    }

    private static void checkData(JobSpec spec) {
        List<String> splits = splits(spec);
        require(splits.size() <= 2 && splits.stream().noneMatch(String::isEmpty), "--splits=%s must name a split to train on, and may name one to evaluate"
                + " on: --splits train,test", spec.getSplits());
        require(splits.size() < 2 || !splits.get(0).equals(splits.get(1)) || !spec.getEvalDatasetName().isEmpty(), "--splits=%s evaluates on what it trains"
                + " on; name two splits", spec.getSplits());
        require(!evaluates(spec) || splits.size() == 2 || !spec.getEvalDatasetName().isEmpty(), "--eval_strategy %s has nothing to evaluate on; name a"
                + " second split, as in --splits train,test, or other data with --eval_dataset_name", strategy(spec));
        require(evaluates(spec) || spec.getEvalDatasetName().isEmpty(), "--eval_dataset_name=%s is not evaluated with --eval_strategy no; pass --eval_strategy"
                + " steps, or leave it out", spec.getEvalDatasetName());
    }

    private static void checkBest(JobSpec spec) {
        require(!spec.hasMetricForBestModel() || METRICS.contains(spec.getMetricForBestModel()), "--metric_for_best_model=%s is unknown; use eval_loss",
                spec.getMetricForBestModel());
        JobSpecRules.atLeast("--early_stopping_patience", spec.hasEarlyStoppingPatience(), spec.getEarlyStoppingPatience(), 1);
        double threshold = spec.getEarlyStoppingThreshold();
        require(Double.isFinite(threshold) && threshold >= 0, "--early_stopping_threshold=%s must be a number of at least 0", threshold);
        require(!spec.hasEarlyStoppingThreshold() || spec.hasEarlyStoppingPatience(), "--early_stopping_threshold=%s needs --early_stopping_patience; pass"
                + " that too", threshold);
        require(evaluates(spec) || !spec.hasEarlyStoppingPatience(), "--early_stopping_patience needs evaluations; pass --eval_strategy steps too");
        require(evaluates(spec) || !spec.getLoadBestModelAtEnd(), "--load_best_model_at_end True needs evaluations; pass --eval_strategy steps too");
        require(!spec.getLoadBestModelAtEnd() || !spec.getSaveStrategy().equals("no"), "--load_best_model_at_end True needs checkpoints, not --save_strategy"
                + " no; leave one of them out");
    }

    /// Needs logging_steps and the batch of training.
    static void fill(JobSpec.Builder spec) {
        spec.setEvalStrategy(strategy(spec.build()));
        if (!spec.hasLoadBestModelAtEnd()) { spec.setLoadBestModelAtEnd(false); }
        if (spec.getEvalStrategy().equals("no")) { return; }
        if (spec.getEvalStrategy().equals("steps") && !spec.hasEvalSteps()) { spec.setEvalSteps(spec.getLoggingSteps()); }
        if (!spec.hasPerDeviceEvalBatchSize()) { spec.setPerDeviceEvalBatchSize(spec.getPerDeviceTrainBatchSize()); }
        spec.setMetricForBestModel("eval_loss");
        if (!spec.hasGreaterIsBetter()) { spec.setGreaterIsBetter(false); }
        if (spec.hasEarlyStoppingPatience() && !spec.hasEarlyStoppingThreshold()) { spec.setEarlyStoppingThreshold(0); }
    }
}
