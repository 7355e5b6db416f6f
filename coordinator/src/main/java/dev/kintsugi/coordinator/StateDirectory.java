package dev.kintsugi.coordinator;

import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.coordinator.store.JobStore;
import dev.kintsugi.coordinator.store.JobWriter;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/// The coordinator's own directory, held by one process at a time: two would start the same jobs.
final class StateDirectory implements AutoCloseable {
    private final FileChannel lockFile;
    private final List<TrackedJob.Record> jobs;
    private final JobWriter writer;

    private StateDirectory(FileChannel lockFile, JobStore store) {
        this.lockFile = lockFile;
        jobs = store.all();
        writer = new JobWriter(store);
    }

    /// @throws StartException if it is in use or not writable
    static StateDirectory open(Path directory) {
        try {
            Files.createDirectories(directory);
            FileChannel lockFile = FileChannel.open(directory.resolve("coordinator.lock"), StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE);
            if (tryLock(lockFile) == null) {
                lockFile.close();
                throw new StartException(("--state_dir=%s is in use by another coordinator; use that one, or name another"
                        + " directory").formatted(directory));
            }
            return new StateDirectory(lockFile, JobStore.open(directory.resolve("coordinator.db")));
        } catch (IOException e) {
            throw new StartException("--state_dir=%s is not writable (%s); name a directory that this user may write to"
                    .formatted(directory, e));
        }
    }

    // Null if another process, or another coordinator in this one, holds it. The lock goes with the channel.
    private static FileLock tryLock(FileChannel file) throws IOException {
        try {
            return file.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    /// Those that an earlier coordinator left.
    List<TrackedJob.Record> jobs() {
        return jobs;
    }

    JobWriter writer() {
        return writer;
    }

    @Override
    public void close() {
        writer.close();
        try {
            lockFile.close();
        } catch (IOException e) {
            throw new IllegalStateException("the lock of the state directory could not be given back", e);
        }
    }
}
