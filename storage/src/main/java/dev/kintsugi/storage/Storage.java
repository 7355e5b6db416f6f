package dev.kintsugi.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;

/// Files of checkpoints. Thread-safe; every method blocks.
///
/// Every IOException says in words what could not be done and with what, and a missing file is a [java.io.FileNotFoundException].
public interface Storage extends AutoCloseable {
    /// Names of the files and directories right below `directory`, sorted; none if there is no such directory. Files that are still being
    /// written are not among them.
    List<String> children(StoragePath directory) throws IOException;

    /// Bytes of every file right below `directory`, by name; none if there is no such directory.
    default Map<String, Long> sizes(StoragePath directory) throws IOException {
        var sizes = new TreeMap<String, Long>();
        for (String name : children(directory)) {
            OptionalLong size = size(directory.resolve(name));
            if (size.isPresent()) { sizes.put(name, size.getAsLong()); }
        }
        return sizes;
    }

    /// Bytes of a file; empty if there is none of that name (a directory is none).
    OptionalLong size(StoragePath file) throws IOException;

    ReadableFile open(StoragePath file) throws IOException;

    /// Begins a file, and the directories that it is to lie in. It replaces one of the same name when it is committed.
    WritableFile create(StoragePath file) throws IOException;

    /// Writes a small file, whole or not at all, synced.
    default void replace(StoragePath file, byte[] content) throws IOException {
        try (WritableFile out = create(file)) {
            out.write(ByteBuffer.wrap(content));
            out.commit();
        }
    }

    /// A small file whole.
    default byte[] readAll(StoragePath file) throws IOException {
        try (ReadableFile in = open(file)) {
            if (in.size() > SMALL_BYTES_MAX) {
                throw new IOException("%s has %d bytes, too many for a file of its kind".formatted(file, in.size()));
            }
            byte[] content = new byte[(int) in.size()];
            in.read(0, ByteBuffer.wrap(content));
            return content;
        }
    }

    /// Most that [#readAll] takes: the manifest of tens of thousands of ranks fits many times.
    int SMALL_BYTES_MAX = 256 << 20;

    /// No error if it is gone already.
    void delete(StoragePath file) throws IOException;

    /// Removes a directory with all that is in it, unfinished files too; no error if it is gone already.
    void deleteTree(StoragePath directory) throws IOException;

    /// Gives up what killed processes left unfinished of files whose paths begin with the text of `start`, where that takes space although no
    /// directory shows it. Only to be called while nobody writes there.
    default void removeUnfinished(StoragePath start) throws IOException {}

    /// Bytes that can still be written below `directory`, which need not exist yet; empty where storage has no such number.
    OptionalLong freeBytes(StoragePath directory) throws IOException;

    @Override
    void close();
}
