package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Writes a checkpoint's weights, f32, in the Hugging Face layout.
///
/// Tensors are streamed from the shards block by block, each checked before it is used; nothing holds a model. All is written to a sibling of the output
/// directory, read back and compared with the shards, and only then takes its name.
public final class CheckpointExport {
    private final CheckpointDirectory checkpoint;
    private final Optional<Path> tokenizer;
    private final Path outDir;
    private final long maxShardSize;
    private final Progress progress;

    /// Called from one thread as the export goes on.
    @FunctionalInterface
    public interface Progress {
        /// @param phase `writing` or `comparing`
        void advanced(String phase, long doneBytes, long totalBytes);
    }

    private CheckpointExport(CheckpointDirectory checkpoint, Optional<Path> tokenizer, Path outDir, long maxShardSize, Progress progress) {
        this.checkpoint = checkpoint;
        this.tokenizer = tokenizer;
        this.outDir = outDir.toAbsolutePath().normalize();
        this.maxShardSize = maxShardSize;
        this.progress = progress;
    }

    /// @param tokenizerDirOrNull a directory with tokenizer.json, or that file; null exports without a tokenizer
    /// @param outDir must not exist, or be an empty directory
    /// @param maxShardSize bytes of tensors in one file; a tensor larger than that has a file to itself
    /// @throws CallerException if an argument is at fault
    /// @throws WorldException if a shard is corrupt or storage fails; nothing is left behind
    public static void export(Path checkpointDir, Path tokenizerDirOrNull, Path outDir, long maxShardSize) {
        export(CheckpointDirectory.open(StoragePath.of(checkpointDir)), Optional.ofNullable(tokenizerDirOrNull), outDir, maxShardSize, (_, _, _) -> {});
    }

    /// See [#export(Path,Path,Path,long)].
    public static void export(CheckpointDirectory checkpoint, Optional<Path> tokenizer, Path outDir, long maxShardSize, Progress progress) {
        new CheckpointExport(checkpoint, tokenizer, outDir, maxShardSize, progress).run();
    }

    private void run() {
        if (maxShardSize < 1) { throw new CallerException("max_shard_size=%d; must be at least 1 byte".formatted(maxShardSize)); }
        Optional<TokenizerFiles> tokenizerFiles = tokenizer.map(TokenizerFiles::of);
        ExportedConfig config = ExportedConfig.of(checkpoint.manifest().modelConfigJson());
        try (var staging = StagingDirectory.beside(outDir); var tensors = SavedTensors.open(checkpoint)) {
            List<ExportFile> files = ExportFile.plan(checkpoint.manifest().parameters(), maxShardSize);
            writeWeights(files, tensors, staging);
            staging.write("config.json", config.configJson());
            config.generationConfigJson().ifPresent(json -> staging.write("generation_config.json", json));
            tokenizerFiles.ifPresent(t -> t.copy(staging, config));
            compare(files, tensors, staging);
            staging.commit();
        } catch (IOException e) {
            throw new WorldException("storage", "output_dir=%s could not be written (%s); free space there or choose another directory"
                    .formatted(outDir, StorageReason.of(e)), e);
        }
    }

    private void writeWeights(List<ExportFile> files, SavedTensors tensors, StagingDirectory staging) throws IOException {
        long done = 0;
        for (ExportFile file : files) {
            file.write(staging.path(), tensors);
            done += file.bytes();
            progress.advanced("writing", done, tensors.bytes());
        }
        if (files.size() > 1) { staging.write("model.safetensors.index.json", ExportFile.indexJson(files)); }
    }

    private void compare(List<ExportFile> files, SavedTensors tensors, StagingDirectory staging) throws IOException {
        long done = 0;
        for (ExportFile file : files) {
            file.compare(staging.path(), tensors);
            done += file.bytes();
            progress.advanced("comparing", done, tensors.bytes());
        }
    }
}
