package dev.kintsugi.client.report;

import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.LoadMemory;
import dev.kintsugi.proto.v1.RankMemory;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// What a run is, as a few lines. Pure.
public final class Summary {
    private static final int LOADING_LINES = 8;

    private Summary() {
    }

    /// Before the first step.
    public static List<String> start(Job job) {
        JobSpec spec = job.getSpec();
        int ranks = Math.max(1, spec.getWorldSize());
        long microbatches = spec.hasMicrobatchesPerStep()
                ? spec.getMicrobatchesPerStep()
                : (long) ranks * Math.max(1, spec.getGradientAccumulationSteps());
        long samples = microbatches * Math.max(1, spec.getPerDeviceTrainBatchSize());
        boolean known = job.getMaxSteps() > 0 || spec.hasMaxSteps();
        String steps = known ? Quantities.grouped(job.getMaxSteps()) + " steps" : "steps from num_train_epochs";
        return List.of(
                "job %s: %s".formatted(job.getJobId(), spec.getName()),
                "  model   %s".formatted(model(job)),
                "  ranks   %d, %s".formatted(ranks,
                        spec.getShardingStrategy().getNumber() == 0 ? "FULL_SHARD" : spec.getShardingStrategy()),
                "  step    %s tokens: %d micro-batches of %d x %d; %s".formatted(
                        Quantities.grouped((double) samples * spec.getMaxLength()),
                        microbatches, Math.max(1, spec.getPerDeviceTrainBatchSize()), spec.getMaxLength(), steps),
                "  output  %s".formatted(spec.getOutputDir()));
    }

    private static String model(Job job) {
        JobSpec spec = job.getSpec();
        String parameters = Quantities.count(job.getParameters()) + " parameters in fp32";
        if (spec.getUsePeft()) {
            return "%s of LoRA adapters (r %d, alpha %s, on %s), on a frozen %s".formatted(parameters, spec.getLoraR(), spec.getLoraAlpha(),
                    spec.getLoraTargetModules(), spec.getModelName());
        }
        return "%s, %s".formatted(parameters, spec.getModelName().isEmpty() ? "from scratch" : "from " + spec.getModelName());
    }

    /// What the estimate said of each rank's tensors and what its allocators counted: one line, for all ranks.
    public static String memory(List<RankMemory> ranks) {
        RankMemory largest = ranks.stream().max(Comparator.comparingLong(RankMemory::getEstimatedBytes)).orElseThrow();
        long peak = ranks.stream().mapToLong(RankMemory::getPeakBytes).max().orElse(0);
        long resident = ranks.stream().mapToLong(RankMemory::getResidentBytes).max().orElse(0);
        return "  memory  %s of tensors a rank by estimate%s%s".formatted(Quantities.bytes(largest.getEstimatedBytes()),
                peak == 0 ? "" : ", %s counted".formatted(Quantities.bytes(peak)),
                resident == 0 ? "" : ", %s resident with the JVM".formatted(Quantities.bytes(resident)));
    }

    /// What loading took of each rank's memory, as Linux counts it for the process: a line for every rank that has told, the ones with most memory if
    /// there are many.
    public static List<String> loading(List<RankMemory> ranks) {
        return ranks.stream().filter(RankMemory::hasCpuLoading)
                .sorted(Comparator.comparingLong((RankMemory r) -> ranks.size() > LOADING_LINES ? -r.getCpuLoading().getPeakBytes() : 0)
                        .thenComparingInt(RankMemory::getRank))
                .limit(LOADING_LINES).map(Summary::loading).toList();
    }

    private static String loading(RankMemory r) {
        return "  loading rank %d: CPU %s%s".formatted(r.getRank(), counters(r.getCpuLoading()),
                r.hasGpuLoading() ? "; GPU " + counters(r.getGpuLoading()) : "");
    }

    /// In MB of 2^20 bytes, as the counters of this kind elsewhere.
    private static String counters(LoadMemory m) {
        return "%s MB before, %s consumed, %s peak, %s total peak".formatted(megabytes(m.getBeforeBytes()), megabytes(m.getConsumedBytes()),
                megabytes(m.getPeakBytes()), megabytes(m.getTotalPeakBytes()));
    }

    private static String megabytes(long bytes) {
        return Quantities.grouped(bytes / 1048576.0);
    }

    /// How long an ended job took, waiting included.
    public static double seconds(Job job) {
        double from = job.getSubmittedAt().getSeconds() + job.getSubmittedAt().getNanos() / 1e9;
        return job.getEndedAt().getSeconds() + job.getEndedAt().getNanos() / 1e9 - from;
    }

    /// After the last step of a job that succeeded.
    ///
    /// @param seconds since the job was submitted
    public static List<String> end(Job job, double seconds, boolean picture) {
        if (job.getMaxSteps() == 0) {
            return List.of("done: weights and data loaded and checked in %s; no steps were asked for".formatted(Quantities.duration(seconds)));
        }
        String directory = job.getSpec().getOutputDir();
        String checkpoint = "%s/step-%08d".formatted(job.getSpec().getCheckpointDir(), job.getLastCheckpointStep());
        var lines = new ArrayList<>(List.of(
                "done: %s steps in %s, final loss %.4f".formatted(Quantities.grouped(job.getStep()), Quantities.duration(seconds),
                        job.getLastMetrics().getLoss()),
                "  metrics     %s/metrics.jsonl%s".formatted(directory, picture ? ", picture: " + directory + "/loss.png" : ""),
                "  checkpoint  %s".formatted(job.getLastCheckpointStep() > 0 ? checkpoint : "none")));
        if (job.getMemoryCount() > 0) { lines.add(memory(job.getMemoryList())); }
        return List.copyOf(lines);
    }
}
