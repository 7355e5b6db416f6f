package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory.Committed;
import dev.kintsugi.coordinator.checkpoint.ResumeChoice;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.Storages;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;

/// Decides which checkpoint a new job goes on from, and refuses to overwrite those of another one.
final class ResumeCheck {
    private static final String FLAG = "--resume_from_checkpoint";

    private ResumeCheck() {}

    /// @return empty if the job starts from the beginning
    /// @throws InvalidJobException if the checkpoint is missing, unreadable or of another model, or would be overwritten
    static Optional<ResumeFacts> check(JobSpec spec, CheckpointPlace place, ModelSpec model) {
        Optional<Committed> newest = newest(place);
        String wanted = spec.getResumeFromCheckpoint();
        if (wanted.isEmpty() || wanted.equalsIgnoreCase("false")) {
            require(newest.isEmpty(), "%s=%s already holds checkpoints up to step %s; pass %s True to go on from them,"
                    + " or another %s", place.flag(), place.path(), newest.map(Committed::step).orElse(0L), FLAG, place.flag());
            return Optional.empty();
        }
        if (ResumeChoice.isNewest(wanted)) { return Optional.of(facts(newestUsable(place), model)); }
        StoragePath directory = named(wanted);
        ResumeFacts facts = facts(directory, model);
        require(newest.isEmpty() || newest.get().step() <= facts.step(),
                "%s=%s already holds a checkpoint of step %s, newer than %s; pass %s True to go on from it,"
                        + " or another %s",
                place.flag(), place.path(), newest.map(Committed::step).orElse(0L), directory, FLAG, place.flag());
        return Optional.of(facts);
    }

    private static StoragePath newestUsable(CheckpointPlace place) {
        try {
            ResumeChoice choice = ResumeChoice.newest(new CheckpointDirectory(place.path()), -1);
            return choice.checkpoint().map(Committed::directory).orElseThrow(() -> new InvalidJobException(choice.skipped().isEmpty()
                    ? "%s: %s holds no committed checkpoint; leave the flag out to start from the beginning".formatted(FLAG, place.path())
                    : "%s: no checkpoint in %s can be used: %s".formatted(FLAG, place.path(), String.join("; ", choice.skipped()))));
        } catch (IOException e) {
            throw new InvalidJobException("%s: %s cannot be read (%s); check it".formatted(FLAG, place.path(), e.getMessage()));
        }
    }

    private static StoragePath named(String wanted) {
        StoragePath directory = SharedPath.storage(FLAG, wanted);
        if (!directory.isLocal()) { return directory; }
        require(Files.exists(directory.toPath()), "%s=%s does not exist; name a directory on storage that every host shares", FLAG, wanted);
        require(Files.isDirectory(directory.toPath()), "%s=%s is not a directory", FLAG, wanted);
        return directory;
    }

    private static ResumeFacts facts(StoragePath directory, ModelSpec model) {
        try {
            require(Storages.of(directory).size(directory.resolve(CheckpointLayout.MANIFEST)).isPresent(),
                    "%s=%s holds no %s, so it was never committed; name a checkpoint directory such as DIR/checkpoints/step-00000250",
                    FLAG, directory, CheckpointLayout.MANIFEST);
            Manifest manifest = CheckpointDirectory.manifest(directory);
            checkModel(manifest, model, directory);
            JobSpec job = jobSpec(manifest, directory);
            return new ResumeFacts(directory, manifest.step(), Math.toIntExact(manifest.training().microbatchesPerStep()),
                    job.getMaxLength(), job.getPerDeviceTrainBatchSize(), manifest.optimizer());
        } catch (FileNotFoundException e) {
            throw new InvalidJobException("%s=%s: %s; name another checkpoint".formatted(FLAG, directory, e.getMessage()));
        } catch (IOException e) {
            throw new InvalidJobException("%s=%s cannot be read (%s); check it".formatted(FLAG, directory, e.getMessage()));
        } catch (IllegalArgumentException e) {
            throw e instanceof InvalidJobException ? e : new InvalidJobException("%s: %s".formatted(FLAG, e.getMessage()));
        }
    }

    private static void checkModel(Manifest manifest, ModelSpec model, StoragePath directory) {
        var saved = manifest.parametersByName();
        for (ParameterSpec p : model.parameters()) {
            SavedParameter s = saved.get(p.name());
            require(s != null && s.shape().equals(p.shape()),
                    "%s=%s is of another model: %s has shape=%s there and %s in this job; pass the config, and the adapters' settings, it was trained with",
                    FLAG, directory, p.name(), s == null ? "none" : s.shape(), p.shape());
        }
    }

    private static JobSpec jobSpec(Manifest manifest, StoragePath directory) {
        try {
            var job = JobSpec.newBuilder();
            JsonFormat.parser().ignoringUnknownFields().merge(manifest.jobConfigJson(), job);
            return job.build();
        } catch (InvalidProtocolBufferException e) {
            throw new InvalidJobException("%s=%s: field job of its manifest is not a job (%s); use another checkpoint"
                    .formatted(FLAG, directory, e.getMessage()));
        }
    }

    private static Optional<Committed> newest(CheckpointPlace place) {
        try {
            return new CheckpointDirectory(place.path()).newest();
        } catch (IOException e) {
            throw new InvalidJobException("%s: %s cannot be listed (%s); check its permissions"
                    .formatted(place.flag(), place.path(), e.getMessage()));
        }
    }
}
