package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.adapter.AdapterConfigs;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.weights.HuggingFaceWeights;
import dev.kintsugi.worker.checkpoint.weights.PeftWeights;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/// Writes a checkpoint's weights in the Hugging Face layout; adapters in PEFT's, or merged into their base.
///
/// Tensors are streamed from the shards range by range, each checked before it is used; nothing holds a model. All is written where it is not yet the
/// output directory, read back, and only then takes its name.
public final class CheckpointExport {
    /// A file holds no more, so that Hugging Face's hub, and file systems, take it.
    public static final long MAX_SHARD_SIZE_LIMIT = 50_000_000_000L;

    private final CheckpointDirectory checkpoint;
    private final Target target;
    private final Progress progress;

    /// Where an export goes, and how it is cut.
    ///
    /// @param tokenizer a directory with tokenizer.json, or that file; none exports without a tokenizer
    /// @param directory must not exist, or be empty
    /// @param maxShardSize bytes of tensors in one file; a tensor larger than that has a file to itself
    /// @param type F32 or BF16
    /// @param base where to merge adapters into, in the Hugging Face layout; empty leaves them adapters
    public record Target(StoragePath directory, Optional<Path> tokenizer, long maxShardSize, ElementType type, Optional<Path> base) {
        public Target {
            if (maxShardSize < 1 || maxShardSize > MAX_SHARD_SIZE_LIMIT) {
                throw new CallerException("max_shard_size=%d bytes; must be in [1, %d], which is 50GB".formatted(maxShardSize, MAX_SHARD_SIZE_LIMIT));
            }
            if (type != ElementType.F32 && type != ElementType.BF16) { throw new IllegalArgumentException("type=%s".formatted(type)); }
        }
    }

    /// Called from one thread as the export goes on.
    @FunctionalInterface
    public interface Progress {
        /// @param phase `writing` or `reading back`
        void advanced(String phase, long doneBytes, long totalBytes);
    }

    private CheckpointExport(CheckpointDirectory checkpoint, Target target, Progress progress) {
        this.checkpoint = checkpoint;
        this.target = target;
        this.progress = progress;
    }

    /// @throws CallerException if an argument is at fault
    /// @throws WorldException if a shard is corrupt or storage fails; nothing is left behind
    public static void export(CheckpointDirectory checkpoint, Target target, Progress progress) {
        new CheckpointExport(checkpoint, target, progress).run();
    }

    private void run() {
        Optional<TokenizerFiles> tokenizer = target.tokenizer.map(TokenizerFiles::of);
        ExportedConfig config = ExportedConfig.of(checkpoint.manifest().modelConfigJson(), target.type);
        Optional<SavedAdapters> adapters = SavedAdapters.of(checkpoint.manifest());
        if (adapters.isEmpty() && target.base.isPresent()) {
            throw new CallerException("%s holds a whole model, no adapters; leave out --merge".formatted(checkpoint.path()));
        }
        boolean merges = target.base.isPresent();
        try (var directory = ExportDirectory.at(target.directory); ExportTensors tensors = tensors(adapters)) {
            if (adapters.isPresent() && !merges) {
                writeFiles(directory, tensors, List.of(new ExportFile(PeftWeights.FILE, target.type, PeftWeights.PREFIX, tensors.parameters())));
                directory.write(AdapterConfigs.FILE, adapters.get().configJson());
            } else {
                List<ExportFile> files = ExportFile.plan(tensors.parameters(), target.type, target.maxShardSize);
                writeFiles(directory, tensors, files);
                if (files.size() > 1) { directory.write("model.safetensors.index.json", ExportFile.indexJson(files)); }
                config.generationConfigJson().ifPresent(json -> directory.write("generation_config.json", json));
                directory.write("config.json", config.configJson());
            }
            tokenizer.ifPresent(t -> t.copy(directory, config));
            ModelCard.of(checkpoint.manifest()).write(directory);
            directory.commit();
        } catch (IOException e) {
            throw new WorldException("storage", "output_dir=%s could not be written (%s); free space there or choose another directory"
                    .formatted(target.directory, StorageReason.of(e)), e);
        }
    }

    private ExportTensors tensors(Optional<SavedAdapters> adapters) {
        var trained = new TensorStream(checkpoint);
        if (target.base.isEmpty()) { return trained; }
        try {
            ModelSpec model = adapters.orElseThrow().model();
            return new MergedTensors(model, adapters.get().lora(), HuggingFaceWeights.open(target.base.get(), model), trained);
        } catch (RuntimeException e) {
            trained.close();
            throw e;
        }
    }

    private void writeFiles(ExportDirectory directory, ExportTensors tensors, List<ExportFile> files) throws IOException {
        long total = files.stream().mapToLong(ExportFile::bytes).sum();
        var written = new ArrayList<ExportFile.Written>();
        var writing = new Phase("writing", total);
        for (ExportFile file : files) { written.add(file.write(directory, tensors, writing)); }
        var reading = new Phase("reading back", written.stream().mapToLong(ExportFile.Written::bytes).sum());
        for (int i = 0; i < files.size(); i++) { files.get(i).check(directory, written.get(i), tensors.buffer(), reading); }
    }

    /// Adds up the bytes of one phase.
    private final class Phase implements LongConsumer {
        private final String name;
        private final long total;
        private long done;

        Phase(String name, long total) {
            this.name = name;
            this.total = total;
        }

        @Override
        public void accept(long bytes) {
            done += bytes;
            progress.advanced(name, done, total);
        }
    }
}
