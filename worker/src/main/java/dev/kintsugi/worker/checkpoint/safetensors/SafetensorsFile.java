package dev.kintsugi.worker.checkpoint.safetensors;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.memory.Bf16;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// An open safetensors file. Nothing is read before it is asked for, and then into the caller's memory: a mapped file would count as the
/// process's own memory. The header is checked whole on opening. Any number of threads may read.
public final class SafetensorsFile implements AutoCloseable {
    private static final int LENGTH_BYTES = 8;

    /// What is converted at once; stays in the second-level cache.
    private static final long CHUNK_BYTES = 256 << 10;

    private final Path path;
    private final FileChannel channel;
    private final long fileBytes;
    private final SafetensorsHeader header;
    private final long bodyOffset;

    private SafetensorsFile(Path path) throws IOException {
        this.path = path;
        this.channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            this.fileBytes = channel.size();
            int headerBytes = headerBytes();
            this.bodyOffset = LENGTH_BYTES + headerBytes;
            ByteBuffer json = ByteBuffer.allocate(headerBytes);
            fill(json, LENGTH_BYTES);
            this.header = SafetensorsHeader.parse(json.array(), fileBytes - bodyOffset, path.toString());
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    /// @throws CallerException if there is no such file, or it is not a sound safetensors file
    public static SafetensorsFile open(Path path) {
        if (Files.isDirectory(path)) { throw new CallerException("%s is a directory; expected a safetensors file".formatted(path)); }
        try {
            return new SafetensorsFile(path);
        } catch (NoSuchFileException e) {
            throw new CallerException("%s does not exist; expected a safetensors file there".formatted(path), e);
        } catch (IOException e) {
            throw new CallerException("%s cannot be read (%s); check the path and its permissions".formatted(path, e.getMessage()), e);
        }
    }

    private int headerBytes() throws IOException {
        if (fileBytes < LENGTH_BYTES) {
            throw new CallerException("%s is %d bytes long, too short for a safetensors file; download or copy the file again"
                    .formatted(path, fileBytes));
        }
        ByteBuffer length = ByteBuffer.allocate(LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        fill(length, 0);
        long bytes = length.getLong(0);
        if (bytes < 0 || bytes > SafetensorsHeader.BYTES_MAX || bytes > fileBytes - LENGTH_BYTES) {
            throw new CallerException(("%s says its header is %s bytes long in a file of %d, so it is not a safetensors file "
                    + "or is truncated; download or copy the file again").formatted(path, Long.toUnsignedString(bytes), fileBytes));
        }
        return (int) bytes;
    }

    private void fill(ByteBuffer into, long position) throws IOException {
        int from = into.position();
        while (into.hasRemaining()) {
            if (channel.read(into, position + into.position() - from) < 0) {
                throw new IOException("it ends at byte %d of %d; it was truncated while it was read"
                        .formatted(position + into.position() - from, fileBytes));
            }
        }
    }

    public Path path() {
        return path;
    }

    public SafetensorsHeader header() {
        return header;
    }

    /// @throws CallerException if there is no such tensor
    public TensorEntry tensor(String name) {
        TensorEntry t = header.tensors().get(name);
        if (t == null) { throw new CallerException("%s has no tensor '%s'; take a file that does".formatted(path, name)); }
        return t;
    }

    /// Reads rows `[firstRow, firstRow + rows)` of a tensor, as they are in the file, to `into` at `offsetBytes`.
    ///
    /// @param into off-heap memory that any thread may use, or an array
    /// @throws WorldException if storage fails
    public void read(TensorEntry t, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        checkRows(t, firstRow, rows);
        MemorySegment part = into.asSlice(offsetBytes, rows * t.rowBytes());
        try {
            if (!part.isNative()) {
                ByteBuffer bytes = ByteBuffer.allocate((int) part.byteSize());
                fill(bytes, bodyOffset + t.begin() + firstRow * t.rowBytes());
                MemorySegment.copy(MemorySegment.ofArray(bytes.array()), 0, part, 0, part.byteSize());
                return;
            }
            for (long at = 0; at < part.byteSize(); at += Integer.MAX_VALUE) {
                ByteBuffer piece = part.asSlice(at, Math.min(Integer.MAX_VALUE, part.byteSize() - at)).asByteBuffer();
                fill(piece, bodyOffset + t.begin() + firstRow * t.rowBytes() + at);
            }
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    private WorldException unreadable(IOException e) {
        return new WorldException("storage", "%s cannot be read: %s; check the disk and copy the file again".formatted(path, e.getMessage()), e);
    }

    /// Writes rows `[firstRow, firstRow + rows)` of a tensor, as f32, to `into` at `offsetBytes`.
    ///
    /// @throws CallerException if the tensor's type is not F32, F16, BF16 or F64
    public void readF32(String name, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        TensorEntry t = readable(name);
        if (t.type() == ElementType.F32) {
            read(t, firstRow, rows, into, offsetBytes);
        } else {
            var converter = new F32Converter();
            convert(t, firstRow, rows, (raw, element) -> converter.convert(t.type(), raw, into.asSlice(offsetBytes + element * Float.BYTES)));
        }
    }

    /// Like [#readF32], but as bf16, rounded to nearest even where the file has more digits: piece by piece, so that no f32 copy of the tensor
    /// is made.
    public void readBf16(String name, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        TensorEntry t = readable(name);
        if (t.type() == ElementType.BF16) {
            read(t, firstRow, rows, into, offsetBytes);
            return;
        }
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment f32 = scratch.allocate(Math.max(CHUNK_BYTES, t.rowBytes()) / t.type().bytes() * Float.BYTES, Float.BYTES);
            var converter = new F32Converter();
            convert(t, firstRow, rows, (raw, element) -> {
                converter.convert(t.type(), raw, f32);
                Bf16.narrow(f32, 0, into, offsetBytes / Short.BYTES + element, raw.byteSize() / t.type().bytes());
            });
        }
    }

    private TensorEntry readable(String name) {
        TensorEntry t = tensor(name);
        if (t.type().isReadable()) { return t; }
        throw new CallerException("%s: tensor '%s' is %s; convert it to F32, F16, BF16 or F64".formatted(path, name, t.type()));
    }

    /// What becomes of some rows as they are in the file, the first of which begins with the given element of those that were asked for.
    private interface Sink {
        void accept(MemorySegment raw, long element);
    }

    private void convert(TensorEntry t, long firstRow, long rows, Sink sink) {
        checkRows(t, firstRow, rows);
        if (rows * t.rowBytes() == 0) { return; }
        long some = Math.clamp(CHUNK_BYTES / t.rowBytes(), 1, rows);
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment raw = scratch.allocate(some * t.rowBytes(), Long.BYTES);
            for (long row = 0; row < rows; row += some) {
                long count = Math.min(some, rows - row);
                read(t, firstRow + row, count, raw, 0);
                sink.accept(raw.asSlice(0, count * t.rowBytes()), row * t.rowBytes() / t.type().bytes());
            }
        }
    }

    private void checkRows(TensorEntry t, long firstRow, long rows) {
        if (firstRow < 0 || rows < 0 || firstRow > t.rows() - rows) {
            throw new IllegalArgumentException("%s: tensor '%s' has %d rows; firstRow=%d rows=%d"
                    .formatted(path, t.name(), t.rows(), firstRow, rows));
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
