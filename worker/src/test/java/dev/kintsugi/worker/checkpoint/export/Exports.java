package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import java.nio.file.Path;
import java.util.Optional;

/// Exports as a test wants them: of local paths, in f32, without progress.
public final class Exports {
    private Exports() {}

    /// @param tokenizer or null
    public static void export(Path checkpoint, Path tokenizer, Path out, long maxShardSize) {
        export(checkpoint, tokenizer, out, maxShardSize, ElementType.F32);
    }

    /// @param tokenizer or null
    public static void export(Path checkpoint, Path tokenizer, Path out, long maxShardSize, ElementType type) {
        CheckpointExport.export(CheckpointDirectory.open(StoragePath.of(checkpoint)),
                new CheckpointExport.Target(StoragePath.of(out), Optional.ofNullable(tokenizer), maxShardSize, type, Optional.empty()), (_, _, _) -> {});
    }
}
