package dev.kintsugi.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.NoSuchBucketException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/// What went wrong between this host and S3, in words.
final class S3Errors {
    private S3Errors() {}

    /// Sends a request, which the SDK has tried several times when it fails.
    ///
    /// @throws FileNotFoundException if there is no such object
    static <T> T explained(StoragePath path, S3Storage.Request<T> request) throws IOException {
        try {
            return request.send();
        } catch (NoSuchBucketException e) {
            throw new IOException("%s: there is no such bucket; make it, or name another".formatted(path), e);
        } catch (S3Exception e) {
            throw explained(path, e);
        } catch (SdkClientException e) {
            throw new IOException("%s: %s; check AWS_ENDPOINT_URL, AWS_REGION and the AWS credentials of this host".formatted(path, innermost(e)), e);
        } catch (SdkException e) {
            throw new IOException("%s: %s".formatted(path, e.getMessage()), e);
        }
    }

    private static IOException explained(StoragePath path, S3Exception e) {
        IOException explained = switch (e.statusCode()) {
            case 404 -> new FileNotFoundException("no such file or directory: " + path);
            case 403, 401 -> new IOException("permission denied: %s (%s); check the AWS credentials of this host and the bucket's policy"
                    .formatted(path, said(e)));
            default -> new IOException("%s: S3 answered %d (%s)".formatted(path, e.statusCode(), said(e)));
        };
        explained.initCause(e);
        return explained;
    }

    private static String said(S3Exception e) {
        return e.awsErrorDetails() != null && e.awsErrorDetails().errorMessage() != null ? e.awsErrorDetails().errorMessage() : e.getMessage();
    }

    // The SDK wraps; what failed is at the bottom.
    private static String innermost(Throwable e) {
        Throwable t = e;
        while (t.getCause() != null) { t = t.getCause(); }
        return t == e || t.getMessage() == null ? e.getMessage() : "%s (%s)".formatted(t.getMessage(), t.getClass().getSimpleName());
    }
}
