package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.storage.ReadableFile;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.WritableFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/// A real storage that can be made to stand still, to fail, and to be full; it counts what is read.
final class TestStorage implements Storage {
    private final Storage storage;
    private final AtomicLong bytesRead = new AtomicLong();
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile long bytesUntilFailure = Long.MAX_VALUE;
    private volatile OptionalLong free = OptionalLong.empty();

    TestStorage(Storage storage) {
        this.storage = storage;
    }

    /// From now on writes wait for [#goOn].
    void standStill() {
        gate = new CountDownLatch(1);
    }

    void goOn() {
        gate.countDown();
    }

    /// Writes fail once so many bytes more are written.
    void failAfter(long bytes) {
        bytesUntilFailure = bytes;
    }

    void pretendFree(long bytes) {
        free = OptionalLong.of(bytes);
    }

    long bytesRead() {
        return bytesRead.get();
    }

    @Override
    public List<String> children(StoragePath directory) throws IOException {
        return storage.children(directory);
    }

    @Override
    public OptionalLong size(StoragePath file) throws IOException {
        return storage.size(file);
    }

    @Override
    public ReadableFile open(StoragePath file) throws IOException {
        ReadableFile opened = storage.open(file);
        return new ReadableFile() {
            @Override
            public long size() {
                return opened.size();
            }

            @Override
            public void read(long offset, ByteBuffer into) throws IOException {
                bytesRead.addAndGet(into.remaining());
                opened.read(offset, into);
            }

            @Override
            public void forget() {
                opened.forget();
            }

            @Override
            public void close() {
                opened.close();
            }
        };
    }

    @Override
    public WritableFile create(StoragePath file) throws IOException {
        WritableFile created = storage.create(file);
        return new WritableFile() {
            @Override
            public void write(ByteBuffer bytes) throws IOException {
                await();
                bytesUntilFailure -= bytes.remaining();
                if (bytesUntilFailure < 0) { throw new IOException("No space left on device"); }
                created.write(bytes);
            }

            @Override
            public void commit() throws IOException {
                created.commit();
            }

            @Override
            public void close() throws IOException {
                created.close();
            }
        };
    }

    private void await() {
        try {
            gate.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void delete(StoragePath file) throws IOException {
        storage.delete(file);
    }

    @Override
    public void deleteTree(StoragePath directory) throws IOException {
        storage.deleteTree(directory);
    }

    @Override
    public OptionalLong freeBytes(StoragePath directory) throws IOException {
        return free.isPresent() ? free : storage.freeBytes(directory);
    }

    @Override
    public void close() {
        // Shared.
    }
}
