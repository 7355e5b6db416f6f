package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.ChunkDigests;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedFile;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.optimizer.StateTensor;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsHeader;
import dev.kintsugi.worker.checkpoint.safetensors.Sha256;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.failure.CallerException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongConsumer;

/// A shard file of a checkpoint. Its size, its digests and its header are what the manifest says; rows are read in the chunks that cover them, each
/// checked before a byte of it is used. One thread.
public final class CheckedShard implements AutoCloseable {
    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int TENSORS_NAMED = 3;

    private final CheckpointDirectory checkpoint;
    private final int rank;
    private final SavedFile saved;
    private final ChunkBuffer buffer;
    private CheckedFile file;
    private SafetensorsHeader header;           // null until it was read
    private long bodyOffset;

    private CheckedShard(CheckpointDirectory checkpoint, int rank, String path, ChunkBuffer buffer) {
        this.checkpoint = checkpoint;
        this.rank = rank;
        this.saved = checkpoint.manifest().file(path);
        this.buffer = buffer;
    }

    /// @param buffer borrowed until [#close]
    /// @throws CorruptShardException naming rank, step and file, what was expected and found, and what to do
    public static CheckedShard model(CheckpointDirectory checkpoint, int rank, ChunkBuffer buffer) {
        return open(checkpoint, rank, buffer, CheckpointLayout.modelFile(rank), List.of(new TensorKind.Weight()));
    }

    /// @throws CorruptShardException as [#model]
    public static CheckedShard optimizer(CheckpointDirectory checkpoint, int rank, ChunkBuffer buffer) {
        List<TensorKind> kinds = TensorKind.of(checkpoint.manifest());
        return open(checkpoint, rank, buffer, CheckpointLayout.optimizerFile(rank), kinds.subList(1, kinds.size()));
    }

    private static CheckedShard open(CheckpointDirectory checkpoint, int rank, ChunkBuffer buffer, String path, List<TensorKind> kinds) {
        var shard = new CheckedShard(checkpoint, rank, path, buffer);
        try {
            shard.open();
            shard.checkTensors(kinds);
            return shard;
        } catch (IOException e) {
            shard.close();
            throw shard.corrupt(e);
        } catch (RuntimeException e) {
            shard.close();
            throw e;
        }
    }

    private void open() throws IOException {
        Storage storage = checkpoint.storage();
        StoragePath path = checkpoint.path().resolve(saved.path());
        OptionalLong bytes = storage.size(path);
        if (bytes.isEmpty()) { throw corrupt("is missing", saved.bytes() + " bytes", "no file"); }
        if (bytes.getAsLong() != saved.bytes()) { throw corrupt("has another size", saved.bytes() + " bytes", bytes.getAsLong() + " bytes"); }
        file = CheckedFile.open(storage, path, digests(storage), buffer);
        readHeader();
    }

    private ChunkDigests digests(Storage storage) throws IOException {
        String name = CheckpointLayout.digestsOf(saved.path());
        byte[] text;
        try {
            text = storage.readAll(checkpoint.path().resolve(name));
        } catch (FileNotFoundException e) {
            throw corrupt("has lost its digests, " + name, "sha256 " + saved.sha256(), "no file");
        }
        String sha256 = Sha256.hex(MemorySegment.ofArray(text));
        if (!sha256.equals(saved.sha256())) { throw corrupt("has altered digests, " + name, "sha256 " + saved.sha256(), sha256); }
        try {
            ChunkDigests digests = ChunkDigests.parse(new String(text, StandardCharsets.UTF_8));
            if (digests.bytes() != saved.bytes()) { throw corrupt("has digests of another size", saved.bytes() + " bytes", digests.bytes() + " bytes"); }
            return digests;
        } catch (IllegalArgumentException e) {
            throw corrupt("has digests that cannot be used, " + name, "digests of its chunks", e.getMessage());
        }
    }

    private void readHeader() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment length = arena.allocate(LENGTH.byteSize());
            if (saved.bytes() < length.byteSize()) { throw corrupt("is too short", "a safetensors file", saved.bytes() + " bytes"); }
            file.read(0, length);
            long headerBytes = length.get(LENGTH, 0);
            if (headerBytes < 0 || headerBytes > Math.min(SafetensorsHeader.BYTES_MAX, saved.bytes() - length.byteSize())) {
                throw corrupt("has no header", "a safetensors file", "a header of " + Long.toUnsignedString(headerBytes) + " bytes");
            }
            bodyOffset = length.byteSize() + headerBytes;
            MemorySegment json = arena.allocate(headerBytes);
            file.read(length.byteSize(), json);
            header = SafetensorsHeader.parse(json.toArray(ValueLayout.JAVA_BYTE), saved.bytes() - bodyOffset, saved.path());
        } catch (CallerException e) {
            throw corrupt("cannot be read", "a safetensors file", e.getMessage());
        }
    }

    private void checkTensors(List<TensorKind> kinds) {
        Map<String, TensorEntry> found = header.tensors();
        int expected = 0;
        for (SavedParameter p : checkpoint.manifest().parameters()) {
            for (TensorKind kind : kinds) {
                Optional<StateTensor> tensor = kind.tensor(p);
                if (tensor.isEmpty()) { continue; }
                long rows = savedRows(tensor.get(), p);
                if (rows == 0) { continue; }
                checkTensor(kind.tensorName(p), tensor.get(), rows, found);
                expected++;
            }
        }
        if (found.size() != expected) { throw corrupt("has other tensors", expected + " tensors", found.size() + " tensors"); }
    }

    private long savedRows(StateTensor tensor, SavedParameter p) {
        if (tensor.isCut()) { return p.rows(rank); }
        return rank == 0 ? tensor.rows() : 0;
    }

    private void checkTensor(String name, StateTensor whole, long rows, Map<String, TensorEntry> found) {
        var shape = new ArrayList<>(whole.shape());
        shape.set(0, rows);
        ElementType type = ElementType.of(whole.dtype());
        TensorEntry t = found.get(name);
        if (t == null || t.type() != type || !t.shape().equals(shape)) {
            throw corrupt("does not fit the manifest at tensor " + name, type + " " + shape, t == null ? "none" : t.type() + " " + t.shape());
        }
    }

    /// Copies rows of a tensor to `into`, off-heap, at `offsetBytes`.
    ///
    /// @throws CorruptShardException if they are not what was saved; the content of `into` is undefined then
    public void read(String tensor, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        TensorEntry t = header.tensors().get(tensor);
        long rowBytes = t.bytes() / t.rows();
        readBytes(t, firstRow * rowBytes, into.asSlice(offsetBytes, rows * rowBytes));
    }

    /// Fills `into`, off-heap, from byte `offset` of a tensor on.
    ///
    /// @throws CorruptShardException as [#read]
    public void readBytes(String tensor, long offset, MemorySegment into) {
        readBytes(header.tensors().get(tensor), offset, into);
    }

    private void readBytes(TensorEntry t, long offset, MemorySegment into) {
        try {
            file.read(bodyOffset + t.begin() + offset, into);
        } catch (IOException e) {
            throw corrupt(e);
        }
    }

    /// Reads and checks the whole file.
    ///
    /// @param onBytes bytes checked since the last call
    /// @throws CorruptShardException if any of it is not what was saved
    void checkAll(LongConsumer onBytes) {
        try {
            file.checkAll(onBytes);
        } catch (IOException e) {
            throw corrupt(e);
        }
    }

    private CorruptShardException corrupt(IOException e) {
        if (e instanceof BadChunkException bad) {
            return corrupt("was altered in bytes [%d, %d), which hold %s".formatted(bad.begin(), bad.end(), content(bad.begin(), bad.end())),
                    bad.expected(), bad.actual());
        }
        return corrupt("cannot be read", saved.bytes() + " bytes", StorageReason.of(e));
    }

    /// What lies in a range of the file, for people.
    private String content(long begin, long end) {
        if (header == null) { return "the header"; }
        var names = new ArrayList<String>();
        if (begin < bodyOffset) { names.add("the header"); }
        for (TensorEntry t : header.tensors().values()) {
            if (t.bytes() > 0 && bodyOffset + t.begin() < end && bodyOffset + t.begin() + t.bytes() > begin) { names.add(t.name()); }
        }
        if (names.size() <= TENSORS_NAMED) { return String.join(", ", names); }
        return "%s and %d more".formatted(String.join(", ", names.subList(0, TENSORS_NAMED)), names.size() - TENSORS_NAMED);
    }

    private CorruptShardException corrupt(String what, String expected, String actual) {
        Manifest m = checkpoint.manifest();
        return new CorruptShardException("checkpoint file %s: rank=%d step=%d file=%s expected=%s actual=%s; %s"
                .formatted(what, rank, m.step(), checkpoint.path().resolve(saved.path()), expected, actual, checkpoint.remedy()));
    }

    @Override
    public void close() {
        if (file != null) { file.close(); }
    }
}
