package dev.kintsugi.storage;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutorService;
import software.amazon.awssdk.core.exception.RetryableException;
import software.amazon.awssdk.services.s3.S3Client;

/// Ranges of one object, large ones by several requests at once. It stays the object that was opened: a newer one of that name fails the read.
final class S3ReadableFile implements ReadableFile {
    private static final int COPY_BYTES = 64 << 10;

    private final S3Client client;
    private final S3Location at;
    private final long size;
    private final String eTag;
    private final int rangeBytes;
    private final ExecutorService threads;

    S3ReadableFile(S3Client client, S3Location at, long size, String eTag, int rangeBytes, ExecutorService threads) {
        this.client = client;
        this.at = at;
        this.size = size;
        this.eTag = eTag;
        this.rangeBytes = rangeBytes;
        this.threads = threads;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public void read(long offset, ByteBuffer into) throws IOException {
        int length = into.remaining();
        if (length == 0) { return; }
        if (offset + length > size) { throw new EOFException("%s ends at byte %d, before byte %d".formatted(at.path(), size, offset + length)); }
        if (length <= rangeBytes) {
            readPart(offset, into);
            return;
        }
        var parts = new Transfers<Void>(threads);
        try {
            for (int from = 0; from < length; from += rangeBytes) {
                int begin = from;
                ByteBuffer part = into.slice(into.position() + from, Math.min(rangeBytes, length - from));
                parts.start(() -> {
                    readPart(offset + begin, part);
                    return null;
                });
            }
            parts.awaitAll();
        } finally {
            parts.settle();         // the buffer is the caller's again
        }
        into.position(into.limit());
    }

    private void readPart(long offset, ByteBuffer into) throws IOException {
        int begin = into.position();
        String range = "bytes=%d-%d".formatted(offset, offset + into.remaining() - 1);
        S3Errors.explained(at.path(), () -> client.getObject(r -> r.bucket(at.bucket()).key(at.key()).ifMatch(eTag).range(range), (_, body) -> {
            into.position(begin);       // a request that broke off is sent again
            fill(into, body);
            return null;
        }));
    }

    private static void fill(ByteBuffer into, InputStream body) {
        try {
            byte[] bytes = into.hasArray() ? null : new byte[Math.min(into.remaining(), COPY_BYTES)];
            while (into.hasRemaining()) {
                int n = bytes == null ? body.read(into.array(), into.arrayOffset() + into.position(), into.remaining())
                        : body.read(bytes, 0, Math.min(bytes.length, into.remaining()));
                if (n < 0) { throw new EOFException("the answer ended %d bytes early".formatted(into.remaining())); }
                if (bytes == null) {
                    into.position(into.position() + n);
                } else {
                    into.put(bytes, 0, n);
                }
            }
        } catch (IOException e) {
            throw RetryableException.create(e.getMessage(), e);
        }
    }

    @Override
    public void forget() {
        // This host keeps nothing of an object.
    }

    @Override
    public void close() {
        // A range is a request of its own; nothing is held between them.
    }
}
