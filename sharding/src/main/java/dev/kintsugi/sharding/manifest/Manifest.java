package dev.kintsugi.sharding.manifest;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.sharding.optimizer.OptimizerState;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/// A committed checkpoint: what was trained, how it was cut, and which files hold it. JSON by [Manifests].
///
/// @param worldSize ranks that saved, which are those of one replica; each has one model file and one optimizer file
/// @param optimizer what the optimizer files hold
/// @param units in the order of the forward pass
/// @param files in the order of their paths, whatever order they are given in
/// @param jobConfigJson the effective job, a JSON object, compact
/// @param modelConfigJson the Hugging Face config.json the plan was computed from, compact
public record Manifest(Origin origin, TrainingPosition training, int worldSize, OptimizerState optimizer, List<SavedUnit> units,
        List<SavedFile> files, String jobConfigJson, String modelConfigJson) {
    /// Of the manifest's layout. Readers refuse every other: 1 had the SHA-256 of whole files instead of digests of their chunks.
    public static final int FORMAT_VERSION = 2;

    static final int WORLD_SIZE_MAX = 1 << 20;
    private static final Comparator<SavedFile> BY_PATH = Comparator.comparing(SavedFile::path);

    public Manifest {
        requireNonNull(origin, "origin is null");
        requireNonNull(training, "training is null");
        requireNonNull(optimizer, "optimizer is null");
        units = List.copyOf(units);
        files = files.stream().sorted(BY_PATH).toList();
        jobConfigJson = Manifests.compact(jobConfigJson, "job");
        modelConfigJson = Manifests.compact(modelConfigJson, "model_config");
        if (worldSize < 1 || worldSize > WORLD_SIZE_MAX) {
            throw new IllegalArgumentException("world_size=%d; must be in [1, %d]".formatted(worldSize, WORLD_SIZE_MAX));
        }
        checkParameters(units, worldSize);
        checkFiles(files, worldSize);
    }

    private static void checkParameters(List<SavedUnit> units, int worldSize) {
        var names = new HashSet<String>();
        for (SavedUnit unit : units) {
            for (SavedParameter p : unit.parameters()) {
                if (!names.add(p.name())) {
                    throw new IllegalArgumentException("parameter '%s' is listed twice".formatted(p.name()));
                }
                if (Math.ceilDiv(p.rows(), p.rowsPerRank()) > worldSize) {
                    throw new IllegalArgumentException(
                            "parameter '%s': rows_per_rank=%d leaves rows of %d unsaved with world_size=%d"
                                    .formatted(p.name(), p.rowsPerRank(), p.rows(), worldSize));
                }
            }
        }
        if (names.isEmpty()) { throw new IllegalArgumentException("units list no parameters"); }
    }

    private static void checkFiles(List<SavedFile> files, int worldSize) {
        var paths = new HashSet<String>();
        for (SavedFile file : files) {
            if (!paths.add(file.path())) {
                throw new IllegalArgumentException("file '%s' is listed twice".formatted(file.path()));
            }
        }
        for (int rank = 0; rank < worldSize; rank++) {
            for (String path : List.of(CheckpointLayout.modelFile(rank), CheckpointLayout.optimizerFile(rank))) {
                if (!paths.contains(path)) {
                    throw new IllegalArgumentException("file '%s' of rank %d is not listed".formatted(path, rank));
                }
            }
        }
    }

    public long step() {
        return training.step();
    }

    public List<SavedParameter> parameters() {
        return units.stream().flatMap(u -> u.parameters().stream()).toList();
    }

    public Map<String, SavedParameter> parametersByName() {
        var byName = new HashMap<String, SavedParameter>();
        parameters().forEach(p -> byName.put(p.name(), p));
        return byName;
    }

    public SavedFile file(String path) {
        // By halves: a rank may ask for the files of all ranks, of which there may be ten thousand.
        int low = 0;
        for (int high = files.size() - 1; low <= high;) {
            int middle = (low + high) >>> 1;
            int order = files.get(middle).path().compareTo(path);
            if (order == 0) { return files.get(middle); }
            if (order < 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        throw new IllegalArgumentException("the manifest lists no file '%s'".formatted(path));
    }

    public long bytes() {
        return files.stream().mapToLong(SavedFile::bytes).sum();
    }
}
