package dev.kintsugi.client.it;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import org.gaul.s3proxy.BlobStores;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;

/// An S3 server on loopback. Objects are files `DIRECTORY/BUCKET/KEY`.
final class S3Server implements AutoCloseable {
    private static final String ACCESS_KEY = "test-key";
    private static final String SECRET_KEY = "test-secret";

    private final S3Proxy proxy;
    private final Path directory;

    S3Server(Path directory) throws Exception {
        this.directory = Files.createDirectories(directory);
        var settings = new Properties();
        settings.setProperty("jclouds.provider", "filesystem-nio2");
        settings.setProperty("jclouds.filesystem.basedir", directory.toString());
        proxy = S3Proxy.builder().blobStore(BlobStores.create("filesystem-nio2", settings)).endpoint(URI.create("http://127.0.0.1:" + freePort()))
                .awsAuthentication(AuthenticationType.AWS_V4, ACCESS_KEY, SECRET_KEY).build();
        proxy.start();
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) { return socket.getLocalPort(); }
    }

    /// Where the objects of a new bucket are.
    Path createBucket(String name) throws IOException {
        return Files.createDirectory(directory.resolve(name));
    }

    /// What a process needs to find this server.
    Map<String, String> environment() {
        return Map.of("AWS_ENDPOINT_URL", "http://127.0.0.1:" + proxy.getPort(), "AWS_ACCESS_KEY_ID", ACCESS_KEY, "AWS_SECRET_ACCESS_KEY", SECRET_KEY,
                "AWS_REGION", "us-east-1");
    }

    @Override
    public void close() throws Exception {
        proxy.stop();
    }
}
