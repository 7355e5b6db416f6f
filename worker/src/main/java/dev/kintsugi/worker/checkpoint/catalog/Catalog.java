package dev.kintsugi.worker.checkpoint.catalog;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.sharding.manifest.SavedFile;
import dev.kintsugi.sharding.manifest.Verification;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.storage.Storages;
import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/// The checkpoints of a run. Manifests and names of files are read, the files themselves are not.
public final class Catalog {
    private final Storage storage;

    private Catalog(Storage storage) {
        this.storage = storage;
    }

    /// Lowest step first.
    ///
    /// @param dir an output directory, or a directory of checkpoints
    /// @throws CallerException if it cannot be listed, or nothing is there
    public static List<CatalogEntry> of(StoragePath dir) {
        var catalog = new Catalog(Storages.of(dir));
        try {
            List<String> names = catalog.storage.children(dir);
            if (names.contains(CheckpointLayout.CHECKPOINTS)) { return catalog.entries(dir.resolve(CheckpointLayout.CHECKPOINTS)); }
            if (names.isEmpty()) { throw new CallerException("%s does not exist or is empty; give an output_dir or its checkpoints".formatted(dir)); }
            return catalog.entries(dir);
        } catch (IOException e) {
            throw new CallerException("%s cannot be listed (%s); check its permissions".formatted(dir, StorageReason.of(e)), e);
        }
    }

    private List<CatalogEntry> entries(StoragePath checkpoints) throws IOException {
        var entries = new ArrayList<CatalogEntry>();
        for (String name : storage.children(checkpoints)) {
            OptionalLong step = CheckpointLayout.step(name);
            if (step.isPresent()) { entries.add(entry(step.getAsLong(), checkpoints.resolve(name))); }
        }
        entries.sort(Comparator.comparingLong(CatalogEntry::step));
        return entries;
    }

    private CatalogEntry entry(long step, StoragePath path) throws IOException {
        List<String> names = storage.children(path);
        if (!names.contains(CheckpointLayout.MANIFEST)) {
            return names.contains(CheckpointLayout.DAMAGED_MANIFEST)
                    ? damaged(step, path, Optional.empty(), "%s was found damaged when it was read back".formatted(path))
                    : new CatalogEntry(step, path, CheckpointState.INCOMPLETE, Optional.empty(), Optional.empty(), "");
        }
        Manifest manifest;
        try {
            manifest = Manifests.parse(text(path.resolve(CheckpointLayout.MANIFEST)), path.resolve(CheckpointLayout.MANIFEST).toString());
        } catch (IllegalArgumentException e) {
            return damaged(step, path, Optional.empty(), e.getMessage());
        }
        Optional<String> missing = missing(manifest, path);
        if (missing.isPresent()) { return damaged(step, path, Optional.of(manifest), "%s is missing".formatted(path.resolve(missing.get()))); }
        Optional<Verification> verification = names.contains(CheckpointLayout.VERIFIED) ? verification(path) : Optional.empty();
        return new CatalogEntry(step, path, verification.isPresent() ? CheckpointState.VERIFIED : CheckpointState.COMMITTED, Optional.of(manifest),
                verification, "");
    }

    private static CatalogEntry damaged(long step, StoragePath path, Optional<Manifest> manifest, String problem) {
        return new CatalogEntry(step, path, CheckpointState.DAMAGED, manifest, Optional.empty(), problem);
    }

    /// The first file of the manifest that is not there, by the names in its directory.
    private Optional<String> missing(Manifest manifest, StoragePath path) throws IOException {
        Set<String> found = new HashSet<>();
        for (String part : List.of(CheckpointLayout.MODEL, CheckpointLayout.OPTIMIZER)) {
            storage.children(path.resolve(part)).forEach(name -> found.add(part + "/" + name));
        }
        return manifest.files().stream().map(SavedFile::path).filter(file -> !found.contains(file) || !found.contains(CheckpointLayout.digestsOf(file)))
                .findFirst();
    }

    /// One that cannot be used is as good as none: `checkpoint verify` writes another.
    private Optional<Verification> verification(StoragePath path) throws IOException {
        StoragePath file = path.resolve(CheckpointLayout.VERIFIED);
        try {
            return Optional.of(Verification.parse(text(file), file.toString()));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private String text(StoragePath file) throws IOException {
        return new String(storage.readAll(file), StandardCharsets.UTF_8);
    }
}
