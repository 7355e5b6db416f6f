package dev.kintsugi.worker.checkpoint.safetensors;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Streams one file of f32 tensors. The file has its name only after [#finish], when every byte is on storage.
///
/// Tensors lie in the body in the order given; the header lists them by name and is padded with spaces to a multiple of 8 bytes, so
/// that tensors are aligned when the file is mapped. One thread.
public final class SafetensorsWriter implements AutoCloseable {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int CHUNK_BYTES = 4 << 20;

    private final Path path;
    private final Path temporary;
    private final FileChannel channel;
    private final Sha256 sha256 = new Sha256();
    private final long fileBytes;
    private long position;
    private boolean finished;

    /// A tensor to be written. Shape in elements.
    public record Planned(String name, ElementType type, List<Long> shape) {
        /// An f32 tensor.
        public Planned(String name, List<Long> shape) {
            this(name, ElementType.F32, shape);
        }

        long bytes() {
            return Math.multiplyExact(type.bytes(), shape.stream().reduce(1L, Math::multiplyExact));
        }
    }

    /// @param sha256 lower-case hex, of the whole file
    public record Written(Path path, long bytes, String sha256) {}

    private SafetensorsWriter(Path path, byte[] header, long bodyBytes) throws IOException {
        this.path = path;
        this.temporary = path.resolveSibling("." + path.getFileName() + ".partial");
        this.fileBytes = header.length + bodyBytes;
        this.channel = FileChannel.open(temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE);
    }

    /// Begins a file whose directory exists.
    public static SafetensorsWriter create(Path path, List<Planned> tensors, Map<String, String> metadata) throws IOException {
        byte[] header = header(tensors, metadata);
        var writer = new SafetensorsWriter(path, header, tensors.stream().mapToLong(Planned::bytes).sum());
        try {
            writer.write(MemorySegment.ofArray(header));
            return writer;
        } catch (IOException | RuntimeException e) {
            writer.close();
            throw e;
        }
    }

    /// The size that [#create] with the same arguments leads to.
    public static long fileBytes(List<Planned> tensors, Map<String, String> metadata) {
        return header(tensors, metadata).length + tensors.stream().mapToLong(Planned::bytes).sum();
    }

    /// What such a file begins with.
    public static byte[] header(List<Planned> tensors, Map<String, String> metadata) {
        var byName = new TreeMap<String, ObjectNode>();
        long begin = 0;
        for (Planned t : tensors) {
            ObjectNode entry = JSON.createObjectNode().put("dtype", t.type().name());
            t.shape().forEach(entry.putArray("shape")::add);
            entry.putArray("data_offsets").add(begin).add(begin + t.bytes());
            begin += t.bytes();
            if (byName.put(t.name(), entry) != null) { throw new IllegalArgumentException("tensor '%s' twice".formatted(t.name())); }
        }
        ObjectNode root = JSON.createObjectNode();
        ObjectNode extra = root.putObject("__metadata__");
        new TreeMap<>(metadata).forEach(extra::put);
        byName.forEach(root::set);
        byte[] json = JSON.writeValueAsString(root).getBytes(StandardCharsets.UTF_8);
        int padded = Math.ceilDiv(json.length, 8) * 8;
        ByteBuffer header = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN).putLong(padded).put(json);
        Arrays.fill(header.array(), header.position(), header.capacity(), (byte) ' ');
        return header.array();
    }

    /// Appends `bytes`, off-heap or a byte array, which the caller keeps.
    public void write(MemorySegment bytes) throws IOException {
        if (bytes.byteSize() > fileBytes - position) {
            throw new AssertionError("%s: %d bytes more than planned".formatted(path, bytes.byteSize() - (fileBytes - position)));
        }
        for (long from = 0; from < bytes.byteSize(); from += CHUNK_BYTES) {
            MemorySegment part = bytes.asSlice(from, Math.min(CHUNK_BYTES, bytes.byteSize() - from));
            sha256.update(part);
            ByteBuffer chunk = part.asByteBuffer();
            while (chunk.hasRemaining()) { position += channel.write(chunk, position); }
        }
    }

    /// Syncs the file and its name. After this the file is there, whole, even if power fails.
    public Written finish() throws IOException {
        if (position != fileBytes) { throw new AssertionError("%s: %d of %d bytes written".formatted(path, position, fileBytes)); }
        channel.force(true);
        channel.close();
        Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        syncDirectory(path.getParent());
        finished = true;
        return new Written(path, fileBytes, sha256.hex());
    }

    /// Makes the names in `directory` durable.
    public static void syncDirectory(Path directory) throws IOException {
        try (FileChannel d = FileChannel.open(directory, StandardOpenOption.READ)) { d.force(true); }
    }

    /// Without [#finish], leaves nothing behind.
    @Override
    public void close() {
        try {
            channel.close();
            if (!finished) { Files.deleteIfExists(temporary); }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
