package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// A committed checkpoint on storage: a directory with a manifest.
public record CheckpointDirectory(Path path, Manifest manifest) {
    /// @throws CallerException if there is no manifest, or none that can be used
    public static CheckpointDirectory open(Path path) {
        Path file = path.resolve(CheckpointLayout.MANIFEST);
        if (!Files.isRegularFile(file)) {
            throw new CallerException("%s is not a checkpoint: it has no %s%s".formatted(path, CheckpointLayout.MANIFEST,
                    Files.isDirectory(path.resolve(CheckpointLayout.MODEL))
                            ? ", so saving it was not completed; use an earlier checkpoint"
                            : "; give a step-... directory below the checkpoints of an output_dir"));
        }
        try {
            return new CheckpointDirectory(path, Manifests.parse(Files.readString(file), file.toString()));
        } catch (CharacterCodingException e) {
            throw new CallerException("%s is not UTF-8 text; use another checkpoint".formatted(file), e);
        } catch (IOException e) {
            throw new CallerException("%s cannot be read (%s); check its permissions".formatted(file, StorageReason.of(e)), e);
        } catch (IllegalArgumentException e) {
            throw new CallerException(e.getMessage(), e);
        }
    }

    /// The one that people mean by `path`: itself, or the newest below it when it is an output directory or its `checkpoints`.
    public static CheckpointDirectory find(Path path) {
        if (!Files.exists(path)) { throw new CallerException("%s does not exist; give a checkpoint or an output_dir".formatted(path)); }
        if (Files.exists(path.resolve(CheckpointLayout.MANIFEST))) { return open(path); }
        List<Path> found = committed(path.resolve(CheckpointLayout.CHECKPOINTS));
        if (found.isEmpty()) { found = committed(path); }
        return open(found.isEmpty() ? path : found.getLast());
    }

    /// The committed checkpoint of the highest step in `outputDir/checkpoints`.
    public static Optional<Path> newest(Path outputDir) {
        List<Path> found = committed(outputDir.resolve(CheckpointLayout.CHECKPOINTS));
        return found.isEmpty() ? Optional.empty() : Optional.of(found.getLast());
    }

    /// Directories of `checkpoints` that have a manifest, lowest step first.
    static List<Path> committed(Path checkpoints) {
        if (!Files.isDirectory(checkpoints)) { return List.of(); }
        try (Stream<Path> entries = Files.list(checkpoints)) {
            return entries.filter(d -> step(d) >= 0 && Files.isRegularFile(d.resolve(CheckpointLayout.MANIFEST)))
                    .sorted(Comparator.comparingLong(CheckpointDirectory::step)).toList();
        } catch (IOException e) {
            throw new CallerException("%s cannot be listed (%s); check its permissions".formatted(checkpoints, StorageReason.of(e)), e);
        }
    }

    private static long step(Path directory) {
        return CheckpointLayout.step(directory.getFileName().toString()).orElse(-1);
    }

    /// What to do when this checkpoint is no good.
    String remedy() {
        Path parent = path.toAbsolutePath().getParent();
        List<Path> earlier = parent == null ? List.of() : committed(parent).stream().filter(d -> step(d) < manifest.step()).toList();
        return earlier.isEmpty() ? "there is no earlier checkpoint beside it, so train from the start"
                : "resume with --resume_from_checkpoint %s, the checkpoint before it".formatted(earlier.getLast());
    }
}
