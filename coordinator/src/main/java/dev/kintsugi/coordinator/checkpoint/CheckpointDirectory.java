package dev.kintsugi.coordinator.checkpoint;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Manifests;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// `<output_dir>/checkpoints`: which checkpoints are committed (hold a manifest), and removing those that are not wanted.
public final class CheckpointDirectory {
    /// A committed checkpoint.
    public record Committed(long step, Path directory) {}

    private final Path root;

    public CheckpointDirectory(Path outputDir) {
        root = outputDir.resolve(CheckpointLayout.CHECKPOINTS);
    }

    public Path of(long step) {
        return root.resolve(CheckpointLayout.stepDirectory(step));
    }

    public Optional<Committed> newest() throws IOException {
        return committed().stream().max(Comparator.comparingLong(Committed::step));
    }

    /// In order of their steps.
    public List<Committed> committed() throws IOException {
        return all().stream().filter(c -> Files.exists(c.directory().resolve(CheckpointLayout.MANIFEST)))
                .sorted(Comparator.comparingLong(Committed::step)).toList();
    }

    /// @throws IllegalArgumentException one sentence, if the manifest is not one that this version reads
    public static Manifest manifest(Path checkpoint) throws IOException {
        Path file = checkpoint.resolve(CheckpointLayout.MANIFEST);
        return Manifests.parse(Files.readString(file), file.toString());
    }

    /// Removes what attempts that ended left half-written. Only to be called while no attempt writes here.
    public void removeUncommitted() throws IOException {
        List<Committed> keep = committed();
        for (Committed c : all()) {
            if (!keep.contains(c)) { delete(c.directory()); }
        }
    }

    /// Removes the oldest committed checkpoints until `limit` are left.
    ///
    /// @return those that were removed
    public List<Committed> prune(int limit) throws IOException {
        List<Committed> committed = committed();
        List<Committed> old = committed.subList(0, Math.max(0, committed.size() - limit));
        for (Committed c : old) {
            // The manifest goes first: from then on the checkpoint does not exist, however far the rest gets.
            Files.delete(c.directory().resolve(CheckpointLayout.MANIFEST));
            delete(c.directory());
        }
        return List.copyOf(old);
    }

    private List<Committed> all() throws IOException {
        if (!Files.isDirectory(root)) { return List.of(); }
        var found = new ArrayList<Committed>();
        try (Stream<Path> entries = Files.list(root)) {
            entries.filter(Files::isDirectory).forEach(d -> CheckpointLayout.step(d.getFileName().toString())
                    .ifPresent(step -> found.add(new Committed(step, d))));
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return found;
    }

    private static void delete(Path directory) throws IOException {
        List<Path> contents;
        try (Stream<Path> walk = Files.walk(directory)) {
            contents = walk.sorted(Comparator.reverseOrder()).toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        for (Path p : contents) {
            Files.deleteIfExists(p);
        }
    }
}
