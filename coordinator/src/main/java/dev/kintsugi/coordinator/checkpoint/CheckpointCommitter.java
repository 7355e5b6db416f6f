package dev.kintsugi.coordinator.checkpoint;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.Storages;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Makes a checkpoint exist: writes its manifest, last, whole or not at all. Blocks on storage; has no state.
final class CheckpointCommitter {
    private CheckpointCommitter() {}

    /// @param directory of the checkpoint, with all files of all ranks on storage
    /// @return bytes of those files
    /// @throws IOException if storage fails, a file has not the voted size, or the votes do not make a whole checkpoint
    static long commit(StoragePath directory, String version, ShardPlan plan, String modelConfigJson, JobSpec spec, TrainingState state,
            List<ShardFile> files) throws IOException {
        Manifest manifest = manifest(version, plan, modelConfigJson, spec, state, files);
        Storage storage = Storages.of(directory);
        checkSizes(storage, directory, files);
        // What was found out about an earlier checkpoint of this step is not about this one.
        storage.delete(directory.resolve(CheckpointLayout.VERIFIED));
        storage.delete(directory.resolve(CheckpointLayout.DAMAGED_MANIFEST));
        storage.replace(directory.resolve(CheckpointLayout.MANIFEST), Manifests.toJson(manifest).getBytes(StandardCharsets.UTF_8));
        return manifest.bytes();
    }

    private static Manifest manifest(String version, ShardPlan plan, String modelConfigJson, JobSpec spec, TrainingState state,
            List<ShardFile> files) throws IOException {
        try {
            String job = JsonFormat.printer().preservingProtoFieldNames().omittingInsignificantWhitespace().print(spec);
            return Manifests.of(version, Instant.now().toString(), plan, OptimizerSettings.of(spec).state(), modelConfigJson, job, state, files);
        } catch (IllegalArgumentException e) {
            throw new IOException("the ranks' votes do not make a checkpoint: " + e.getMessage(), e);
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError("a spec holds nothing that JSON cannot say", e);
        }
    }

    // What is in the files their writers read back; reading every shard here would take as long as writing it.
    private static void checkSizes(Storage storage, StoragePath directory, List<ShardFile> files) throws IOException {
        var listed = new HashMap<StoragePath, Map<String, Long>>();
        for (ShardFile f : files) {
            StoragePath file = directory.resolve(f.getPath());
            Map<String, Long> beside = listed.get(file.parent());
            if (beside == null) {
                beside = storage.sizes(file.parent());
                listed.put(file.parent(), beside);
            }
            Long bytes = beside.get(file.fileName());
            if (bytes == null) { throw new IOException("%s is not on storage although it was voted for".formatted(f.getPath())); }
            if (bytes != f.getBytes()) { throw new IOException("%s has %d bytes and %d were voted for".formatted(f.getPath(), bytes, f.getBytes())); }
        }
    }
}
