package dev.kintsugi.worker.agent;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// An agent's own directory in a memory file system, named `kintsugi-agent-<pid>-<n>`. It is gone when the agent ends; an agent
/// that was killed leaves it to be swept by the next one.
///
/// The owner also holds a lock on a file inside: two containers may share `/dev/shm` and not see each other's processes.
final class HostDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HostDirectory.class);
    private static final Pattern NAME = Pattern.compile("kintsugi-agent-(\\d+)-\\d+");
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final Path path;
    private final FileChannel owner;

    private HostDirectory(Path path, FileChannel owner) {
        this.path = path;
        this.owner = owner;
    }

    /// Where memory is a file system on this host.
    static Path memoryFileSystem(Path otherwise) {
        Path shm = Path.of("/dev/shm");
        return Files.isWritable(shm) ? shm : otherwise;
    }

    static HostDirectory create(Path parent) {
        String name = "kintsugi-agent-%d-%d".formatted(ProcessHandle.current().pid(), COUNT.incrementAndGet());
        try {
            Path path = Files.createDirectories(parent.resolve(name));
            var owner = FileChannel.open(path.resolve("owner"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (owner.tryLock() == null) { throw new IOException("another process holds " + path.resolve("owner")); }
            return new HostDirectory(path, owner);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make the directory %s: %s".formatted(parent.resolve(name), e.getMessage()), e);
        }
    }

    Path path() {
        return path;
    }

    /// Deletes what dead agents have left in `parent`.
    ///
    /// @return the directories that were deleted
    static List<Path> sweep(Path parent) {
        var swept = new ArrayList<Path>();
        try (DirectoryStream<Path> candidates = Files.newDirectoryStream(parent, "kintsugi-agent-*")) {
            for (Path candidate : candidates) {
                if (isAbandoned(candidate)) {
                    delete(candidate);
                    swept.add(candidate);
                }
            }
        } catch (IOException e) {
            LOG.warn("cannot sweep {}: {}", parent, e.toString());
        }
        return swept;
    }

    private static boolean isAbandoned(Path candidate) {
        Matcher name = NAME.matcher(candidate.getFileName().toString());
        if (!name.matches() || ProcessHandle.of(Long.parseLong(name.group(1))).isPresent()) { return false; }
        try (var owner = FileChannel.open(candidate.resolve("owner"), StandardOpenOption.WRITE)) {
            return owner.tryLock() != null;
        } catch (IOException _) {
            return Files.isDirectory(candidate) && Files.notExists(candidate.resolve("owner"));
        }
    }

    /// Deletes a directory and all in it; what cannot be deleted is logged.
    static void delete(Path directory) {
        if (!Files.exists(directory)) { return; }
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path p : all.sorted(Comparator.reverseOrder()).toList()) { Files.deleteIfExists(p); }
        } catch (IOException | UncheckedIOException e) {
            LOG.warn("cannot delete {}: {}", directory, e.toString());
        }
    }

    /// Twice does no harm.
    @Override
    public void close() {
        delete(path);
        try {
            owner.close();
        } catch (IOException e) {
            LOG.warn("cannot close {}: {}", path, e.toString());
        }
    }
}
