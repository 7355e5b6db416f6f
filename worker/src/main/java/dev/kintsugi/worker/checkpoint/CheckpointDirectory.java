package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.storage.Storages;
import dev.kintsugi.worker.failure.CallerException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// A committed checkpoint on storage: a directory with a manifest.
public record CheckpointDirectory(StoragePath path, Manifest manifest) {
    /// @throws CallerException if there is no manifest, or none that can be used
    public static CheckpointDirectory open(StoragePath path) {
        StoragePath file = path.resolve(CheckpointLayout.MANIFEST);
        try {
            return new CheckpointDirectory(path, Manifests.parse(text(file), file.toString()));
        } catch (FileNotFoundException e) {
            throw new CallerException("%s is not a checkpoint: it has no %s%s".formatted(path, CheckpointLayout.MANIFEST,
                    children(path).contains(CheckpointLayout.MODEL) ? ", so saving it was not completed; use an earlier checkpoint"
                            : "; give a step-... directory below the checkpoints of an output_dir"), e);
        } catch (CharacterCodingException e) {
            throw new CallerException("%s is not UTF-8 text; use another checkpoint".formatted(file), e);
        } catch (IOException e) {
            throw new CallerException("%s cannot be read (%s); check its permissions".formatted(file, StorageReason.of(e)), e);
        } catch (IllegalArgumentException e) {
            throw new CallerException(e.getMessage(), e);
        }
    }

    private static String text(StoragePath file) throws IOException {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(Storages.of(file).readAll(file))).toString();
    }

    /// The one that people mean by `path`: itself, or the newest below it when it is an output directory or a directory of checkpoints.
    public static CheckpointDirectory find(StoragePath path) {
        List<String> children = children(path);
        if (children.contains(CheckpointLayout.MANIFEST)) { return open(path); }
        List<StoragePath> found = children.contains(CheckpointLayout.CHECKPOINTS) ? committed(path.resolve(CheckpointLayout.CHECKPOINTS)) : List.of();
        if (found.isEmpty()) { found = committed(path); }
        if (children.isEmpty() && !(path.isLocal() && Files.exists(path.toPath()))) {
            throw new CallerException("%s does not exist; give a checkpoint or an output_dir".formatted(path));
        }
        return open(found.isEmpty() ? path : found.getLast());
    }

    /// The committed checkpoint of the highest step in a directory of checkpoints.
    public static Optional<StoragePath> newest(StoragePath checkpoints) {
        List<StoragePath> found = committed(checkpoints);
        return found.isEmpty() ? Optional.empty() : Optional.of(found.getLast());
    }

    /// Directories of `checkpoints` that have a manifest, lowest step first.
    public static List<StoragePath> committed(StoragePath checkpoints) {
        var found = new ArrayList<StoragePath>();
        for (String name : children(checkpoints)) {
            if (CheckpointLayout.step(name).isPresent() && children(checkpoints.resolve(name)).contains(CheckpointLayout.MANIFEST)) {
                found.add(checkpoints.resolve(name));
            }
        }
        found.sort(Comparator.comparingLong(CheckpointDirectory::step));
        return found;
    }

    private static List<String> children(StoragePath directory) {
        try {
            return Storages.of(directory).children(directory);
        } catch (IOException e) {
            throw new CallerException("%s cannot be listed (%s); check its permissions".formatted(directory, StorageReason.of(e)), e);
        }
    }

    private static long step(StoragePath directory) {
        return CheckpointLayout.step(directory.fileName()).orElse(-1);
    }

    public Storage storage() {
        return Storages.of(path);
    }

    /// What to do when this checkpoint is no good.
    String remedy() {
        List<StoragePath> earlier = committed(path.parent()).stream().filter(d -> step(d) < manifest.step()).toList();
        return earlier.isEmpty() ? "there is no earlier checkpoint beside it, so train from the start"
                : "resume with --resume_from_checkpoint %s, the checkpoint before it".formatted(earlier.getLast());
    }
}
