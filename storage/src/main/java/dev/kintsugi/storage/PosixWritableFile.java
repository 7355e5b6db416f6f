package dev.kintsugi.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;

/// Written as `.NAME.partial` beside its place, synced, renamed. What a killed process leaves of it is overwritten by the next that writes
/// the same file, and goes with its directory.
final class PosixWritableFile implements WritableFile {
    /// So many bytes go to the medium at once, while the next are being written: left to itself the system begins with it seconds later, or at the sync.
    private static final long WRITEBACK_BYTES = 8 << 20;

    private static final String PREFIX = ".";
    private static final String SUFFIX = ".partial";

    private final StoragePath file;
    private final Path path;
    private final Path partial;
    private final FileChannel channel;
    private final PageCache.File pages;
    private long written;
    private long startedToMedium;
    private boolean committed;

    PosixWritableFile(StoragePath file) throws IOException {
        this.file = file;
        path = file.toPath();
        partial = path.resolveSibling(PREFIX + path.getFileName() + SUFFIX);
        if (Files.isDirectory(path)) { throw new IOException("it is a directory"); }
        createSynced(path.getParent());
        channel = FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        pages = PageCache.File.open(partial);
    }

    static boolean isPartial(String name) {
        return name.startsWith(PREFIX) && name.endsWith(SUFFIX);
    }

    /// Makes a directory whose name, too, outlives a power cut.
    private static void createSynced(Path directory) throws IOException {
        Deque<Path> missing = new ArrayDeque<>();
        for (Path p = directory; !Files.exists(p); p = p.getParent()) { missing.push(p); }
        Files.createDirectories(directory);
        for (Path p : missing) { sync(p.getParent()); }
    }

    private static void sync(Path directory) throws IOException {
        try (FileChannel d = FileChannel.open(directory, StandardOpenOption.READ)) { d.force(true); }
    }

    @Override
    public void write(ByteBuffer bytes) throws IOException {
        if (committed) { throw new IllegalStateException(file + " is committed"); }
        try {
            while (bytes.hasRemaining()) { written += channel.write(bytes); }
        } catch (IOException e) {
            throw StorageReason.explained(file, e);
        }
        if (written - startedToMedium >= WRITEBACK_BYTES) {
            pages.startWriting(startedToMedium, written - startedToMedium);
            startedToMedium = written;
        }
    }

    @Override
    public void commit() throws IOException {
        if (committed) { throw new IllegalStateException(file + " is committed already"); }
        try {
            channel.force(true);
            channel.close();
            Files.move(partial, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            committed = true;
            sync(path.getParent());
        } catch (IOException e) {
            throw StorageReason.explained(file, e);
        }
    }

    @Override
    public void close() throws IOException {
        pages.close();
        try {
            channel.close();
            if (!committed) { Files.deleteIfExists(partial); }
        } catch (IOException e) {
            throw StorageReason.explained(file, e);
        }
    }
}
