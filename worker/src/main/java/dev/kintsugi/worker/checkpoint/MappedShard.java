package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedFile;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.Sha256;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.failure.CallerException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// A shard file that has been verified whole: its size and SHA-256 are those its rank voted for, and it has the tensors that the manifest's
/// cut gives it. The digest is computed over the mapping, so the pages are read once and what is used afterwards is what was digested.
public final class MappedShard implements AutoCloseable {
    private final SafetensorsFile file;

    private MappedShard(SafetensorsFile file) {
        this.file = file;
    }

    /// @throws CorruptShardException naming rank, step and file, what was expected and found, and what to do
    public static MappedShard model(CheckpointDirectory checkpoint, int rank) {
        return open(checkpoint, rank, CheckpointLayout.modelFile(rank), List.of(""), "");
    }

    /// @throws CorruptShardException as [#model]
    public static MappedShard optimizer(CheckpointDirectory checkpoint, int rank) {
        return open(checkpoint, rank, CheckpointLayout.optimizerFile(rank), List.of(".exp_avg", ".exp_avg_sq"), "state.");
    }

    private static MappedShard open(CheckpointDirectory checkpoint, int rank, String path, List<String> suffixes, String prefix) {
        var check = new Check(checkpoint, rank, checkpoint.manifest().file(path));
        SafetensorsFile file = check.open();
        try {
            check.digest(file);
            check.tensors(file, suffixes, prefix);
            return new MappedShard(file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /// Rows of a tensor as they are in the file (f32). Borrowed until [#close].
    public MemorySegment rows(String tensor, long firstRow, long rows) {
        MemorySegment data = file.data(tensor);
        long rowBytes = data.byteSize() / file.tensor(tensor).rows();
        return data.asSlice(firstRow * rowBytes, rows * rowBytes);
    }

    @Override
    public void close() {
        file.close();
    }

    private record Check(CheckpointDirectory checkpoint, int rank, SavedFile saved) {
        SafetensorsFile open() {
            Path path = checkpoint.path().resolve(saved.path());
            if (!Files.isRegularFile(path)) { throw corrupt("is missing", saved.bytes() + " bytes", "no file"); }
            long bytes = path.toFile().length();
            if (bytes != saved.bytes()) { throw corrupt("has another size", saved.bytes() + " bytes", bytes + " bytes"); }
            try {
                return SafetensorsFile.open(path);
            } catch (CallerException e) {
                throw corrupt("cannot be read", "a safetensors file", e.getMessage());
            }
        }

        void digest(SafetensorsFile file) {
            String actual = Sha256.hex(file.content());
            if (!actual.equals(saved.sha256())) { throw corrupt("was altered", "sha256 " + saved.sha256(), actual); }
        }

        void tensors(SafetensorsFile file, List<String> suffixes, String prefix) {
            Map<String, TensorEntry> found = file.header().tensors();
            int expected = 0;
            for (SavedParameter p : checkpoint.manifest().parameters()) {
                if (p.rows(rank) == 0) { continue; }
                for (String suffix : suffixes) {
                    tensor(prefix + p.name() + suffix, p, found);
                    expected++;
                }
            }
            if (found.size() != expected) { throw corrupt("has other tensors", expected + " tensors", found.size() + " tensors"); }
        }

        private void tensor(String name, SavedParameter p, Map<String, TensorEntry> found) {
            var shape = new ArrayList<>(p.shape());
            shape.set(0, p.rows(rank));
            TensorEntry t = found.get(name);
            if (t == null || t.type() != ElementType.F32 || !t.shape().equals(shape)) {
                throw corrupt("does not fit the manifest at tensor " + name, "F32 " + shape,
                        t == null ? "none" : t.type() + " " + t.shape());
            }
        }

        private CorruptShardException corrupt(String what, String expected, String actual) {
            Manifest m = checkpoint.manifest();
            return new CorruptShardException("checkpoint file %s: rank=%d step=%d file=%s expected=%s actual=%s; %s"
                    .formatted(what, rank, m.step(), checkpoint.path().resolve(saved.path()), expected, actual, checkpoint.remedy()));
        }
    }
}
