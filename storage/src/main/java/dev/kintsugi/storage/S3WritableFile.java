package dev.kintsugi.storage;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutorService;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.S3Exception;

/// One object, uploaded in parts while it is being written; a small one in one request. S3 shows nothing of it before the last of them.
///
/// Holds [Transfers#AT_ONCE] parts under way and one that is being filled, whatever the object's size.
final class S3WritableFile implements WritableFile {
    /// S3 takes 10,000 parts; each time this many are full they become twice as large, so that an object may have 37,500 times the first.
    private static final int PARTS_OF_A_SIZE = 2500;

    private record Uploaded(CompletedPart part, byte[] buffer) {}

    private final S3Client client;
    private final S3Location at;
    private final Transfers<Uploaded> transfers;
    private final List<CompletedPart> parts = new ArrayList<>();
    private final Deque<byte[]> free = new ArrayDeque<>();
    private int partBytes;
    private byte[] filling;
    private int filled;
    private int started;
    private String uploadId;
    private boolean committed;

    S3WritableFile(S3Client client, S3Location at, int partBytes, ExecutorService threads) {
        this.client = client;
        this.at = at;
        this.partBytes = partBytes;
        transfers = new Transfers<>(threads);
    }

    @Override
    public void write(ByteBuffer bytes) throws IOException {
        if (committed) { throw new IllegalStateException(at.path() + " is committed"); }
        while (bytes.hasRemaining()) {
            if (filling == null) { filling = free.isEmpty() ? new byte[partBytes] : free.pop(); }
            int n = Math.min(bytes.remaining(), filling.length - filled);
            bytes.get(filling, filled, n);
            filled += n;
            if (filled == filling.length) { startPart(); }
        }
    }

    private void startPart() throws IOException {
        if (uploadId == null) {
            uploadId = S3Errors.explained(at.path(), () -> client.createMultipartUpload(r -> r.bucket(at.bucket()).key(at.key()))).uploadId();
        }
        int number = ++started;
        byte[] buffer = filling;
        int length = filled;
        filling = null;
        filled = 0;
        keep(transfers.start(() -> upload(number, buffer, length)));
        if (number % PARTS_OF_A_SIZE == 0) {
            partBytes *= 2;
            free.clear();
        }
    }

    private Uploaded upload(int number, byte[] buffer, int length) throws IOException {
        String eTag = S3Errors.explained(at.path(), () -> client.uploadPart(r -> r.bucket(at.bucket()).key(at.key()).uploadId(uploadId).partNumber(number),
                body(buffer, length))).eTag();
        return new Uploaded(CompletedPart.builder().partNumber(number).eTag(eTag).build(), buffer);
    }

    // Read again for every attempt; the SDK's other ways to make a body copy the bytes.
    private static RequestBody body(byte[] buffer, int length) {
        return RequestBody.fromContentProvider(() -> new ByteArrayInputStream(buffer, 0, length), length, "application/octet-stream");
    }

    private void keep(Uploaded uploaded) {
        if (uploaded == null) { return; }
        parts.add(uploaded.part());
        if (uploaded.buffer().length == partBytes) { free.push(uploaded.buffer()); }
    }

    @Override
    public void commit() throws IOException {
        if (committed) { throw new IllegalStateException(at.path() + " is committed already"); }
        if (uploadId == null) {
            byte[] whole = filling == null ? new byte[0] : filling;
            S3Errors.explained(at.path(), () -> client.putObject(r -> r.bucket(at.bucket()).key(at.key()), body(whole, filled)));
        } else {
            if (filled > 0) { startPart(); }
            while (!transfers.isEmpty()) { keep(transfers.awaitOldest()); }
            S3Errors.explained(at.path(), () -> client.completeMultipartUpload(
                    r -> r.bucket(at.bucket()).key(at.key()).uploadId(uploadId).multipartUpload(u -> u.parts(parts))));
        }
        committed = true;
    }

    @Override
    public void close() throws IOException {
        if (committed) { return; }
        transfers.settle();
        filling = null;
        if (uploadId == null) { return; }
        String abandoned = uploadId;
        uploadId = null;
        abort(client, at.path(), at.bucket(), at.key(), abandoned);
    }

    static void abort(S3Client client, StoragePath of, String bucket, String key, String uploadId) throws IOException {
        S3Errors.explained(of, () -> {
            try {
                return client.abortMultipartUpload(r -> r.bucket(bucket).key(key).uploadId(uploadId));
            } catch (S3Exception e) {
                if (e.statusCode() == 404) { return null; }     // it was completed, or given up, meanwhile
                throw e;
            }
        });
    }
}
