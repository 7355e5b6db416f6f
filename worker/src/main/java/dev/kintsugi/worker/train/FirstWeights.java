package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.LoadMode;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.worker.checkpoint.weights.AdaptedWeights;
import dev.kintsugi.worker.checkpoint.weights.FreshWeights;
import dev.kintsugi.worker.checkpoint.weights.HuggingFaceWeights;
import dev.kintsugi.worker.checkpoint.weights.PeftWeights;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import java.nio.file.Path;
import java.util.function.Consumer;

/// Where a rank's first weights come from. Files are open, and their headers checked, from the beginning.
///
/// @param trained null on ranks that read nothing, and where training goes on from a checkpoint
/// @param frozen null on ranks that read nothing, and where nothing is frozen
record FirstWeights(LoadMode mode, WeightSource trained, WeightSource frozen) implements AutoCloseable {
    /// @param notes gets what people should know of the weights
    static FirstWeights open(JobSpec spec, ModelPlan plan, int rank, boolean resumes, Consumer<String> notes) {
        boolean fresh = spec.getModelName().isEmpty();
        LoadMode mode = fresh ? LoadMode.DIRECT : spec.getLoad();       // fresh weights are made by whoever holds them
        boolean reads = StartingWeights.reads(rank, mode);
        boolean adapters = plan.lora().isPresent();
        if (!reads || resumes && !adapters) { return new FirstWeights(mode, null, null); }
        WeightSource model = fresh ? new FreshWeights(plan.model(), spec.getSeed()) : files(spec, plan, notes);
        if (!adapters) { return new FirstWeights(mode, model, null); }
        try {
            return new FirstWeights(mode, resumes ? null : adapters(spec, plan, model), model);
        } catch (RuntimeException e) {
            model.close();
            throw e;
        }
    }

    private static HuggingFaceWeights files(JobSpec spec, ModelPlan plan, Consumer<String> notes) {
        HuggingFaceWeights weights = HuggingFaceWeights.open(Path.of(spec.getModelName()), plan.model());
        weights.notes().forEach(notes);
        return weights;
    }

    private static WeightSource adapters(JobSpec spec, ModelPlan plan, WeightSource model) {
        var trained = plan.trainedPlan().model();
        return spec.getAdapterName().isEmpty() ? new AdaptedWeights(new FreshWeights(trained, spec.getSeed()), model)
                : PeftWeights.open(Path.of(spec.getAdapterName()), trained);
    }

    @Override
    public void close() {
        if (trained != null) { trained.close(); }
        if (frozen != null) { frozen.close(); }
    }
}
