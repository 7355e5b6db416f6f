package dev.kintsugi.worker.estimate;

import dev.kintsugi.sharding.estimate.PhaseRates;
import dev.kintsugi.sharding.estimate.StepPhase;
import dev.kintsugi.sharding.estimate.StepSeconds;
import dev.kintsugi.worker.collective.GroupConfig;
import dev.kintsugi.worker.kernel.KernelFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Measures [PhaseRates] by doing what they are the rates of: some blocks of the model, with its embedding and head, are trained for some seconds, by as many
/// ranks as the job has but at most one a core, as threads of this process over shared memory. So the rates are those of the model's own shapes, with the
/// machine's cores disturbing each other as they will.
final class Calibration {
    private static final int BLOCKS = 4;
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private Calibration() {}

    /// @param cores of this machine
    /// @param warmUpSeconds compilers need a few
    /// @param seconds to measure for; medians of the steps made
    static PhaseRates measure(Workload job, int cores, double warmUpSeconds, double seconds) {
        Workload probe = job.smaller(BLOCKS, cores);
        Path shared = sharedDirectory();
        try (var pool = Executors.newFixedThreadPool(probe.worldSize())) {
            var ranks = new ArrayList<Callable<List<StepSeconds>>>();
            for (int r = 0; r < probe.worldSize(); r++) {
                var group = new GroupConfig("estimate", 1, r, probe.worldSize(), GroupConfig.Transport.SHM, shared, shared, List.of(), PATIENCE);
                ranks.add(() -> {
                    try (var rank = new ProbeRank(probe, group, KernelFactory.open("cpu", 1))) { return rank.steps(warmUpSeconds, seconds); }
                });
            }
            var steps = new ArrayList<StepSeconds>();
            for (Future<List<StepSeconds>> f : pool.invokeAll(ranks)) { steps.addAll(f.get()); }
            return PhaseRates.of(probe.work(), median(steps));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while measuring", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException("measuring failed: " + e.getCause().getMessage(), e.getCause());
        } finally {
            delete(shared);
        }
    }

    private static StepSeconds median(List<StepSeconds> steps) {
        var byPhase = new EnumMap<StepPhase, Double>(StepPhase.class);
        for (StepPhase phase : StepPhase.values()) { byPhase.put(phase, median(steps.stream().mapToDouble(s -> s.of(phase)).sorted().toArray())); }
        return new StepSeconds(byPhase, median(steps.stream().mapToDouble(StepSeconds::waiting).sorted().toArray()));
    }

    private static double median(double[] sorted) {
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    private static Path sharedDirectory() {
        Path memory = Path.of("/dev/shm");
        try {
            return Files.isWritable(memory) ? Files.createTempDirectory(memory, "kintsugi-estimate") : Files.createTempDirectory("kintsugi-estimate");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make a directory for shared memory", e);
        }
    }

    private static void delete(Path directory) {
        try (var files = Files.walk(directory)) {
            for (Path p : files.sorted(Comparator.reverseOrder()).toList()) { Files.deleteIfExists(p); }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot delete " + directory, e);
        }
    }
}
