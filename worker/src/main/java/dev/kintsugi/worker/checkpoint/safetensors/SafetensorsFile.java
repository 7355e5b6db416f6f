package dev.kintsugi.worker.checkpoint.safetensors;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.memory.Bf16;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A mapped safetensors file. Nothing is read before it is asked for; the header is checked whole on opening.
public final class SafetensorsFile implements AutoCloseable {
    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int LENGTH_BYTES = 8;

    private final Path path;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment file;
    private final SafetensorsHeader header;
    private final long bodyOffset;

    /// So much of the file is in this process's memory at once.
    private static final long PIECE_BYTES = 4 << 20;

    private SafetensorsFile(Path path) throws IOException {
        this.path = path;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            this.file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            long headerBytes = headerBytes();
            this.bodyOffset = LENGTH_BYTES + headerBytes;
            byte[] json = file.asSlice(LENGTH_BYTES, headerBytes).toArray(ValueLayout.JAVA_BYTE);
            this.header = SafetensorsHeader.parse(json, file.byteSize() - bodyOffset, path.toString());
        } catch (IOException | RuntimeException e) {
            arena.close();
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

    private long headerBytes() {
        if (file.byteSize() < LENGTH_BYTES) {
            throw new CallerException("%s is %d bytes long, too short for a safetensors file; download or copy the file again"
                    .formatted(path, file.byteSize()));
        }
        long bytes = file.get(LENGTH, 0);
        if (bytes < 0 || bytes > SafetensorsHeader.BYTES_MAX || bytes > file.byteSize() - LENGTH_BYTES) {
            throw new CallerException(("%s says its header is %s bytes long in a file of %d, so it is not a safetensors file "
                    + "or is truncated; download or copy the file again").formatted(path, Long.toUnsignedString(bytes), file.byteSize()));
        }
        return bytes;
    }

    public Path path() {
        return path;
    }

    public SafetensorsHeader header() {
        return header;
    }

    /// The whole file, read-only. Borrowed until [#close].
    public MemorySegment content() {
        return file;
    }

    /// @throws CallerException if there is no such tensor
    public TensorEntry tensor(String name) {
        TensorEntry t = header.tensors().get(name);
        if (t == null) { throw new CallerException("%s has no tensor '%s'; take a file that does".formatted(path, name)); }
        return t;
    }

    /// A tensor's bytes as they are in the file. Borrowed until [#close].
    public MemorySegment data(String name) {
        TensorEntry t = tensor(name);
        return file.asSlice(bodyOffset + t.begin(), t.bytes());
    }

    /// Writes rows `[firstRow, firstRow + rows)` of a tensor, as f32, to `into` at `offsetBytes`.
    ///
    /// @throws CallerException if the tensor's type is not F32, F16, BF16 or F64
    public void readF32(String name, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        TensorEntry t = tensor(name);
        if (!t.type().isReadable()) {
            throw new CallerException("%s: tensor '%s' is %s; convert it to F32, F16, BF16 or F64".formatted(path, name, t.type()));
        }
        checkRows(t, name, firstRow, rows);
        MemorySegment from = data(name).asSlice(firstRow * t.rowBytes(), rows * t.rowBytes());
        for (long at = 0; at < from.byteSize(); at += PIECE_BYTES) {
            MemorySegment piece = from.asSlice(at, Math.min(PIECE_BYTES, from.byteSize() - at));
            t.type().toF32(piece, into.asSlice(offsetBytes + at / t.type().bytes() * Float.BYTES));
            piece.unload();         // or a process would hold the whole file once it has read it
        }
    }

    /// Like [#readF32], but as bf16, rounded to nearest even where the file has more digits: piece by piece, so that no f32 copy of the tensor
    /// is made.
    public void readBf16(String name, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        TensorEntry t = tensor(name);
        if (t.type() == ElementType.BF16) {
            checkRows(t, name, firstRow, rows);
            copy(data(name).asSlice(firstRow * t.rowBytes(), rows * t.rowBytes()), into.asSlice(offsetBytes));
            return;
        }
        long piece = Math.clamp(PIECE_BYTES / Math.max(1, t.rowBytes()), 1, Math.max(1, rows));
        try (Arena scratch = Arena.ofConfined()) {
            long rowNumel = t.rowBytes() / t.type().bytes();
            MemorySegment f32 = scratch.allocate(piece * rowNumel * Float.BYTES, Float.BYTES);
            for (long row = 0; row < rows; row += piece) {
                long count = Math.min(piece, rows - row);
                readF32(name, firstRow + row, count, f32, 0);
                Bf16.narrow(f32, 0, into, offsetBytes / Short.BYTES + row * rowNumel, count * rowNumel);
            }
        }
    }

    private void checkRows(TensorEntry t, String name, long firstRow, long rows) {
        if (firstRow < 0 || rows < 0 || firstRow > t.rows() - rows) {
            throw new IllegalArgumentException("%s: tensor '%s' has %d rows; firstRow=%d rows=%d"
                    .formatted(path, name, t.rows(), firstRow, rows));
        }
    }

    private static void copy(MemorySegment from, MemorySegment into) {
        for (long at = 0; at < from.byteSize(); at += PIECE_BYTES) {
            MemorySegment piece = from.asSlice(at, Math.min(PIECE_BYTES, from.byteSize() - at));
            MemorySegment.copy(piece, 0, into, at, piece.byteSize());
            piece.unload();
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
