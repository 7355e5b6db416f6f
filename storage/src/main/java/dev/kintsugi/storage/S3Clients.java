package dev.kintsugi.storage;

import java.time.Duration;
import java.util.Map;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.regions.providers.DefaultAwsRegionProviderChain;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/// How this program talks to S3.
final class S3Clients {
    private static final int ATTEMPTS = 8;
    private static final Duration CONNECT_MAX = Duration.ofSeconds(5);
    private static final Duration SILENCE_MAX = Duration.ofSeconds(60);

    private S3Clients() {}

    /// Endpoint, region and credentials are what the AWS SDK finds: environment variables, `~/.aws`, the host's role.
    ///
    /// @param environment variables of this process
    static S3ClientBuilder builder(Map<String, String> environment) {
        // Servers that are not Amazon's seldom have a host name for each bucket, and no region.
        boolean isOther = environment.containsKey("AWS_ENDPOINT_URL") || environment.containsKey("AWS_ENDPOINT_URL_S3");
        return S3Client.builder().httpClientBuilder(UrlConnectionHttpClient.builder().connectionTimeout(CONNECT_MAX).socketTimeout(SILENCE_MAX))
                .forcePathStyle(isOther).region(region(isOther, environment)).crossRegionAccessEnabled(!isOther)
                // What is written is read back and compared with digests of our own, and older servers do not know those of the SDK.
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED).responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                .serviceConfiguration(s -> s.chunkedEncodingEnabled(false))
                .overrideConfiguration(o -> o.retryStrategy(AwsRetryStrategy.standardRetryStrategy().toBuilder().maxAttempts(ATTEMPTS).build()));
    }

    private static Region region(boolean isOther, Map<String, String> environment) {
        String named = environment.getOrDefault("AWS_REGION", environment.getOrDefault("AWS_DEFAULT_REGION", ""));
        if (!named.isEmpty()) { return Region.of(named); }
        if (isOther) { return Region.US_EAST_1; }
        try {
            return new DefaultAwsRegionProviderChain().getRegion();
        } catch (SdkClientException e) {
            return Region.US_EAST_1;        // from there the SDK finds the bucket's
        }
    }
}
