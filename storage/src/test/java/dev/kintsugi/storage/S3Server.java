package dev.kintsugi.storage;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Path;
import java.util.Properties;
import org.gaul.s3proxy.BlobStores;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;

/// An S3 server on loopback that keeps objects in a directory, and refuses requests that are not signed as they must be.
final class S3Server implements AutoCloseable {
    static final String ACCESS_KEY = "test-key";
    static final String SECRET_KEY = "test-secret";

    private final S3Proxy proxy;

    S3Server(Path directory) throws Exception {
        var settings = new Properties();
        settings.setProperty("jclouds.provider", "filesystem-nio2");
        settings.setProperty("jclouds.filesystem.basedir", directory.toString());
        proxy = S3Proxy.builder().blobStore(BlobStores.create("filesystem-nio2", settings)).endpoint(URI.create("http://127.0.0.1:" + freePort()))
                .awsAuthentication(AuthenticationType.AWS_V4, ACCESS_KEY, SECRET_KEY).build();
        proxy.start();
    }

    // The server cannot be asked for any free one.
    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) { return socket.getLocalPort(); }
    }

    URI endpoint() {
        return URI.create("http://127.0.0.1:" + proxy.getPort());
    }

    @Override
    public void close() throws Exception {
        proxy.stop();
    }
}
