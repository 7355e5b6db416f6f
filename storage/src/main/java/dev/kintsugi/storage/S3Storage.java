package dev.kintsugi.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CommonPrefix;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/// Objects of an S3 bucket, of Amazon or of anything that speaks the same protocol. A directory is a prefix of keys.
///
/// An object appears whole when its upload is completed, which S3 promises, and stays then; so nothing has to be synced or renamed.
final class S3Storage implements Storage {
    private final S3Client client;
    private final int partBytes;
    private final int rangeBytes;
    /// Parts of uploads and ranges of reads, of all files: each waits for the network on a thread of its own.
    private final ExecutorService transfers = Executors.newVirtualThreadPerTaskExecutor();

    /// @param partBytes of one request of an upload; S3 takes no less than 5 MiB
    /// @param rangeBytes of one request of a read
    S3Storage(S3Client client, int partBytes, int rangeBytes) {
        this.client = client;
        this.partBytes = partBytes;
        this.rangeBytes = rangeBytes;
    }

    @Override
    public List<String> children(StoragePath directory) throws IOException {
        S3Location at = S3Location.of(directory);
        var names = new TreeSet<String>();
        for (ListObjectsV2Response page : list(at, "/")) {
            page.contents().forEach(o -> names.add(o.key().substring(at.prefix().length())));
            for (CommonPrefix p : page.commonPrefixes()) { names.add(p.prefix().substring(at.prefix().length(), p.prefix().length() - 1)); }
        }
        names.remove("");
        return List.copyOf(names);
    }

    @Override
    public Map<String, Long> sizes(StoragePath directory) throws IOException {
        S3Location at = S3Location.of(directory);
        var sizes = new TreeMap<String, Long>();
        for (ListObjectsV2Response page : list(at, "/")) {
            page.contents().forEach(o -> sizes.put(o.key().substring(at.prefix().length()), o.size()));
        }
        sizes.remove("");
        return sizes;
    }

    /// @param delimiter null: everything below, however deep
    private List<ListObjectsV2Response> list(S3Location at, String delimiter) throws IOException {
        return S3Errors.explained(at.path(), () -> {
            var pages = new ArrayList<ListObjectsV2Response>();
            client.listObjectsV2Paginator(r -> r.bucket(at.bucket()).prefix(at.prefix()).delimiter(delimiter)).forEach(pages::add);
            return pages;
        });
    }

    @Override
    public OptionalLong size(StoragePath file) throws IOException {
        S3Location at = S3Location.of(file);
        try {
            return OptionalLong.of(head(at).contentLength());
        } catch (FileNotFoundException e) {
            return OptionalLong.empty();
        }
    }

    private HeadObjectResponse head(S3Location at) throws IOException {
        return S3Errors.explained(at.path(), () -> client.headObject(r -> r.bucket(at.bucket()).key(at.key())));
    }

    @Override
    public ReadableFile open(StoragePath file) throws IOException {
        S3Location at = S3Location.of(file);
        HeadObjectResponse head = head(at);
        return new S3ReadableFile(client, at, head.contentLength(), head.eTag(), rangeBytes, transfers);
    }

    @Override
    public WritableFile create(StoragePath file) {
        return new S3WritableFile(client, S3Location.of(file), partBytes, transfers);
    }

    @Override
    public void replace(StoragePath file, byte[] content) throws IOException {
        S3Location at = S3Location.of(file);
        S3Errors.explained(file, () -> client.putObject(r -> r.bucket(at.bucket()).key(at.key()), RequestBody.fromBytes(content)));
    }

    @Override
    public void delete(StoragePath file) throws IOException {
        S3Location at = S3Location.of(file);
        S3Errors.explained(file, () -> client.deleteObject(r -> r.bucket(at.bucket()).key(at.key())));
    }

    @Override
    public void deleteTree(StoragePath directory) throws IOException {
        S3Location at = S3Location.of(directory);
        abortUploads(directory, at.bucket(), at.prefix());
        // One request an object: the one for a thousand needs a digest that some servers refuse, and checkpoints have few objects.
        var deletions = new Transfers<Void>(transfers);
        for (ListObjectsV2Response page : list(at, null)) {
            for (S3Object o : page.contents()) {
                deletions.start(() -> {
                    S3Errors.explained(directory, () -> client.deleteObject(r -> r.bucket(at.bucket()).key(o.key())));
                    return null;
                });
            }
        }
        deletions.awaitAll();
    }

    @Override
    public void removeUnfinished(StoragePath start) throws IOException {
        S3Location at = S3Location.of(start);
        abortUploads(start, at.bucket(), at.key());
    }

    /// Parts of unfinished uploads take space, and are paid for, until they are given up.
    private void abortUploads(StoragePath of, String bucket, String prefix) throws IOException {
        List<MultipartUpload> unfinished = S3Errors.explained(of, () -> {
            try {
                return client.listMultipartUploadsPaginator(r -> r.bucket(bucket).prefix(prefix)).uploads().stream().toList();
            } catch (S3Exception e) {
                // Some servers cannot list them, or not by prefix; then the bucket's lifecycle rule has to remove them.
                if (e.statusCode() == 501 || e.statusCode() == 400) { return List.of(); }
                throw e;
            }
        });
        for (MultipartUpload u : unfinished) {
            if (u.key().startsWith(prefix)) { S3WritableFile.abort(client, of, bucket, u.key(), u.uploadId()); }
        }
    }

    /// S3 has no end.
    @Override
    public OptionalLong freeBytes(StoragePath directory) {
        return OptionalLong.empty();
    }

    @Override
    public void close() {
        transfers.shutdown();
        client.close();
    }

    /// What the SDK throws.
    interface Request<T> {
        T send() throws SdkException;
    }
}
