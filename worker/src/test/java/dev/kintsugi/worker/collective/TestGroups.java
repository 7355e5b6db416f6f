package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.worker.agent.MediaDrivers;
import dev.kintsugi.worker.collective.GroupConfig.Transport;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Opens groups of a test, over a media driver of its own, and checks that they leave nothing behind.
final class TestGroups implements AutoCloseable {
    private static final int WORLD_SIZE_MAX = 6;

    private final Path shmDirectory = temporary();
    private final List<String> endpoints = freeEndpoints();
    private MediaDriver driver;

    private static Path temporary() {
        try {
            return Files.createTempDirectory(Path.of("/dev/shm"), "kintsugi-test-");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// All are held until all are chosen, so that they differ.
    private static List<String> freeEndpoints() {
        var sockets = new ArrayList<DatagramSocket>();
        try {
            for (int r = 0; r < WORLD_SIZE_MAX; r++) {
                sockets.add(new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)));
            }
            return sockets.stream().map(s -> "127.0.0.1:" + s.getLocalPort()).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            sockets.forEach(DatagramSocket::close);
        }
    }

    CollectiveGroup open(Transport transport, int rank, int worldSize) {
        return CollectiveGroups.open(config(transport, rank, worldSize, Duration.ofSeconds(20)));
    }

    CollectiveGroup open(Transport transport, int rank, Sharding sharding, Transport gatherTransport) {
        if (gatherTransport == Transport.AERON) { startDriver(); }
        return CollectiveGroups.open(config(transport, rank, sharding.worldSize(), Duration.ofSeconds(20)), sharding, gatherTransport);
    }

    GroupConfig config(Transport transport, int rank, int worldSize, Duration timeout) {
        if (transport == Transport.AERON) { startDriver(); }
        return new GroupConfig("job", 1, rank, worldSize, transport, shmDirectory, aeronDirectory(), endpoints.subList(0, worldSize), timeout);
    }

    private synchronized void startDriver() {
        if (driver == null) {
            driver = MediaDriver.launchEmbedded(MediaDrivers.context(aeronDirectory()).threadingMode(ThreadingMode.SHARED));
        }
    }

    Path aeronDirectory() {
        return shmDirectory.resolve("aeron");
    }

    Path shmDirectory() {
        return shmDirectory;
    }

    @Override
    public void close() {
        if (driver != null) { driver.close(); }
        try (var replicas = Files.newDirectoryStream(shmDirectory, "replica-*")) {
            for (Path empty : replicas) { Files.delete(empty); }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        try (var left = Files.list(shmDirectory)) {
            List<Path> files = left.toList();
            for (Path f : files) { Files.delete(f); }
            Files.delete(shmDirectory);
            if (!files.isEmpty()) { throw new AssertionError("left in shared memory: " + files); }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
