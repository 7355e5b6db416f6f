package dev.kintsugi.coordinator.checkpoint;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.manifest.BestEvaluation;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.sharding.manifest.Retention;
import dev.kintsugi.sharding.manifest.Retention.Kept;
import dev.kintsugi.sharding.manifest.Verification;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.Storages;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/// A job's `checkpoint_dir`: which checkpoints are committed (hold a manifest), which of them verified, and removing those that are not
/// wanted. Blocks on storage; has no state of its own.
public final class CheckpointDirectory {
    /// A committed checkpoint.
    public record Committed(long step, StoragePath directory) {
        public String name() {
            return directory.fileName();
        }
    }

    private final StoragePath root;
    private final Storage storage;

    public CheckpointDirectory(StoragePath root) {
        this.root = root;
        storage = Storages.of(root);
    }

    /// @param spec with its defaults filled in
    public static CheckpointDirectory of(JobSpec spec) {
        return new CheckpointDirectory(StoragePath.of(spec.getCheckpointDir()));
    }

    public StoragePath root() {
        return root;
    }

    public StoragePath of(long step) {
        return root.resolve(CheckpointLayout.stepDirectory(step));
    }

    public Optional<Committed> newest() throws IOException {
        return committed().stream().max(Comparator.comparingLong(Committed::step));
    }

    /// In order of their steps.
    public List<Committed> committed() throws IOException {
        return stepsWith(CheckpointLayout.MANIFEST);
    }

    /// What is wrong with a checkpoint that was set aside; empty if that was not written down.
    public String damage(Committed damaged) throws IOException {
        StoragePath said = damaged.directory().resolve(CheckpointLayout.DAMAGE);
        return storage.size(said).isPresent() ? new String(storage.readAll(said), StandardCharsets.UTF_8).strip() : "";
    }

    /// Those that were found damaged and set aside, in order of their steps.
    public List<Committed> damaged() throws IOException {
        return stepsWith(CheckpointLayout.DAMAGED_MANIFEST).stream().filter(c -> !isThere(c, CheckpointLayout.MANIFEST)).toList();
    }

    private List<Committed> stepsWith(String file) throws IOException {
        var found = new ArrayList<Committed>();
        for (Committed c : all()) {
            if (storage.size(c.directory().resolve(file)).isPresent()) { found.add(c); }
        }
        return found;
    }

    // Storage that fails here fails again where something depends on it.
    private boolean isThere(Committed c, String file) {
        try {
            return storage.size(c.directory().resolve(file)).isPresent();
        } catch (IOException e) {
            return false;
        }
    }

    /// @throws IllegalArgumentException one sentence, if the manifest is not one that this version reads
    public static Manifest manifest(StoragePath checkpoint) throws IOException {
        StoragePath file = checkpoint.resolve(CheckpointLayout.MANIFEST);
        return Manifests.parse(new String(Storages.of(file).readAll(file), StandardCharsets.UTF_8), file.text());
    }

    /// Removes what attempts that ended left half-written. Only to be called while no attempt writes here.
    ///
    /// @param damagedToo whether nobody needs the ones that were set aside
    public void removeUncommitted(boolean damagedToo) throws IOException {
        for (Committed c : all()) {
            boolean keep = storage.size(c.directory().resolve(CheckpointLayout.MANIFEST)).isPresent()
                    || !damagedToo && storage.size(c.directory().resolve(CheckpointLayout.DAMAGED_MANIFEST)).isPresent();
            if (!keep) { storage.deleteTree(c.directory()); }
        }
        storage.removeUnfinished(root.resolve(CheckpointLayout.STEP_PREFIX));
    }

    /// Records that all of a checkpoint was read back as it was written.
    ///
    /// @return false, and nothing happens, if that is recorded already or the checkpoint is gone
    boolean markVerified(long step, Verification how) throws IOException {
        StoragePath verified = of(step).resolve(CheckpointLayout.VERIFIED);
        boolean isCommitted = storage.size(of(step).resolve(CheckpointLayout.MANIFEST)).isPresent();
        if (!isCommitted || storage.size(verified).isPresent()) { return false; }
        storage.replace(verified, how.toJson().getBytes(StandardCharsets.UTF_8));
        return true;
    }

    /// Takes a checkpoint out of those that exist, and keeps its files for whoever wants to save something of them, with a sentence that says what is
    /// wrong with them.
    void setAside(long step, String reason) throws IOException {
        StoragePath manifest = of(step).resolve(CheckpointLayout.MANIFEST);
        if (storage.size(manifest).isEmpty()) { return; }
        storage.replace(of(step).resolve(CheckpointLayout.DAMAGE), (reason + "\n").getBytes(StandardCharsets.UTF_8));
        storage.replace(of(step).resolve(CheckpointLayout.DAMAGED_MANIFEST), storage.readAll(manifest));
        storage.delete(manifest);
        storage.delete(of(step).resolve(CheckpointLayout.VERIFIED));
    }

    /// Removes what the newest `limit` verified checkpoints replace: all that is older.
    ///
    /// @param keepsBest whether the one of the best evaluation stays
    /// @return steps of those that were removed
    List<Long> prune(int limit, boolean keepsBest) throws IOException {
        var kept = new ArrayList<Kept>();
        for (Committed c : all()) {
            boolean verified = storage.size(c.directory().resolve(CheckpointLayout.MANIFEST)).isPresent()
                    && storage.size(c.directory().resolve(CheckpointLayout.VERIFIED)).isPresent();
            kept.add(new Kept(c.step(), verified));
        }
        List<Long> old = Retention.replaced(kept, limit, keepsBest ? bestStep() : 0);
        for (long step : old) {
            // The manifest goes first: from then on the checkpoint does not exist, however far the rest gets.
            storage.delete(of(step).resolve(CheckpointLayout.MANIFEST));
            storage.deleteTree(of(step));
        }
        return old;
    }

    /// By what the newest checkpoint says; 0: none yet.
    private long bestStep() throws IOException {
        Optional<Committed> newest = newest();
        return newest.isEmpty() ? 0 : manifest(newest.get().directory()).training().best().map(BestEvaluation::step).orElse(0L);
    }

    /// Directories of steps in whatever state, in the steps' order.
    private List<Committed> all() throws IOException {
        var found = new ArrayList<Committed>();
        for (String name : storage.children(root)) {
            OptionalLong step = CheckpointLayout.step(name);
            if (step.isPresent()) { found.add(new Committed(step.getAsLong(), root.resolve(name))); }
        }
        found.sort(Comparator.comparingLong(Committed::step));
        return found;
    }
}
