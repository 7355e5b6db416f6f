package dev.kintsugi.coordinator.checkpoint;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.sharding.plan.ShardPlan;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.List;

/// Makes a checkpoint exist: writes its manifest, last, whole or not at all. Blocks on storage; has no state.
final class CheckpointCommitter {
    private CheckpointCommitter() {}

    /// @param directory of the checkpoint, with all files of all ranks on storage
    /// @return bytes of those files
    /// @throws IOException if storage fails, a file has not the voted size, or the votes do not make a whole checkpoint
    static long commit(Path directory, String version, ShardPlan plan, String modelConfigJson, JobSpec spec, TrainingState state,
            List<ShardFile> files) throws IOException {
        Manifest manifest = manifest(version, plan, modelConfigJson, spec, state, files);
        checkSizes(directory, files);
        Path target = directory.resolve(CheckpointLayout.MANIFEST);
        Path temporary = directory.resolve(CheckpointLayout.MANIFEST + ".tmp");
        writeSynced(temporary, Manifests.toJson(manifest));
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        syncDirectory(directory);
        return manifest.bytes();
    }

    private static Manifest manifest(String version, ShardPlan plan, String modelConfigJson, JobSpec spec, TrainingState state,
            List<ShardFile> files) throws IOException {
        try {
            String job = JsonFormat.printer().preservingProtoFieldNames().omittingInsignificantWhitespace().print(spec);
            return Manifests.of(version, Instant.now().toString(), plan, modelConfigJson, job, state, files);
        } catch (IllegalArgumentException e) {
            throw new IOException("the ranks' votes do not make a checkpoint: " + e.getMessage(), e);
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError("a spec holds nothing that JSON cannot say", e);
        }
    }

    // Digests are for `checkpoint verify`: reading every shard again here would take as long as writing it.
    private static void checkSizes(Path directory, List<ShardFile> files) throws IOException {
        for (ShardFile f : files) {
            long bytes = Files.size(directory.resolve(f.getPath()));
            if (bytes != f.getBytes()) {
                throw new IOException("%s has %d bytes and %d were voted for".formatted(f.getPath(), bytes, f.getBytes()));
            }
        }
    }

    private static void writeSynced(Path file, String text) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
    }

    private static void syncDirectory(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
