package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory.Committed;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedParameter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Decides which checkpoint a new job goes on from, and refuses to overwrite those of another one.
final class ResumeCheck {
    private static final String FLAG = "--resume_from_checkpoint";

    private ResumeCheck() {}

    /// @return empty if the job starts from the beginning
    /// @throws InvalidJobException if the checkpoint is missing, unreadable or of another model, or would be overwritten
    static Optional<ResumeFacts> check(JobSpec spec, OutputDirectory output, ModelSpec model) {
        Optional<Committed> newest = newest(output);
        String wanted = spec.getResumeFromCheckpoint();
        if (wanted.isEmpty() || wanted.equalsIgnoreCase("false")) {
            require(newest.isEmpty(), "--output_dir=%s already holds checkpoints up to step %s; pass %s True to go on from them,"
                    + " or another --output_dir", output.path(), newest.map(Committed::step).orElse(0L), FLAG);
            return Optional.empty();
        }
        Path directory = isNewest(wanted) ? newestOf(newest, output) : SharedPath.directory(FLAG, wanted);
        ResumeFacts facts = facts(directory, model);
        require(newest.isEmpty() || newest.get().step() <= facts.step(),
                "--output_dir=%s already holds a checkpoint of step %s, newer than %s; pass %s True to go on from it,"
                        + " or another --output_dir",
                output.path(), newest.map(Committed::step).orElse(0L), directory, FLAG);
        return Optional.of(facts);
    }

    private static boolean isNewest(String wanted) {
        return wanted.equalsIgnoreCase("true") || wanted.equalsIgnoreCase("latest");
    }

    private static Path newestOf(Optional<Committed> newest, OutputDirectory output) {
        return newest.map(Committed::directory).orElseThrow(() -> new InvalidJobException(
                "%s: %s holds no committed checkpoint; leave the flag out to start from the beginning".formatted(FLAG,
                        output.checkpoints())));
    }

    private static ResumeFacts facts(Path directory, ModelSpec model) {
        require(Files.exists(directory.resolve(CheckpointLayout.MANIFEST)),
                "%s=%s holds no %s, so it was never committed; name a checkpoint directory such as DIR/checkpoints/step-00000250",
                FLAG, directory, CheckpointLayout.MANIFEST);
        try {
            Manifest manifest = CheckpointDirectory.manifest(directory);
            checkModel(manifest, model, directory);
            JobSpec job = jobSpec(manifest, directory);
            return new ResumeFacts(directory, manifest.step(), Math.toIntExact(manifest.training().microbatchesPerStep()),
                    job.getMaxLength(), job.getPerDeviceTrainBatchSize());
        } catch (IOException e) {
            throw new InvalidJobException("%s=%s cannot be read (%s); check it".formatted(FLAG, directory, e.getMessage()));
        } catch (IllegalArgumentException e) {
            throw e instanceof InvalidJobException ? e : new InvalidJobException("%s: %s".formatted(FLAG, e.getMessage()));
        }
    }

    private static void checkModel(Manifest manifest, ModelSpec model, Path directory) {
        var saved = manifest.parametersByName();
        for (ParameterSpec p : model.parameters()) {
            SavedParameter s = saved.get(p.name());
            require(s != null && s.shape().equals(p.shape()),
                    "%s=%s is of another model: %s has shape=%s there and %s in config.json; pass the config it was trained with",
                    FLAG, directory, p.name(), s == null ? "none" : s.shape(), p.shape());
        }
    }

    private static JobSpec jobSpec(Manifest manifest, Path directory) {
        try {
            var job = JobSpec.newBuilder();
            JsonFormat.parser().ignoringUnknownFields().merge(manifest.jobConfigJson(), job);
            return job.build();
        } catch (InvalidProtocolBufferException e) {
            throw new InvalidJobException("%s=%s: field job of its manifest is not a job (%s); use another checkpoint"
                    .formatted(FLAG, directory, e.getMessage()));
        }
    }

    private static Optional<Committed> newest(OutputDirectory output) {
        try {
            return new CheckpointDirectory(output.path()).newest();
        } catch (IOException e) {
            throw new InvalidJobException("--output_dir: %s cannot be listed (%s); check its permissions"
                    .formatted(output.checkpoints(), e.getMessage()));
        }
    }
}
