package dev.kintsugi.worker.agent;

import io.aeron.driver.MediaDriver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.BackoffIdleStrategy;

/// How media drivers are set up here: for large messages between few ranks, on hosts whose processors are busy computing.
public final class MediaDrivers {
    private static final int SOCKET_BUFFER_BYTES = 4 << 20;
    private static final int WINDOW_BYTES = 2 << 20;
    private static final long ROOM_BYTES = 512L << 20;
    private static final long YIELDS = 500;
    private static final long SLEEP_NS_MIN = 10_000;
    private static final long SLEEP_NS_MAX = TimeUnit.MILLISECONDS.toNanos(1);
    private static final long LIVENESS_NS = TimeUnit.SECONDS.toNanos(20);

    private MediaDrivers() {}

    /// Whether there is room for a driver's buffers. Docker gives a container 64 MB of `/dev/shm`; a directory on disk is as good,
    /// since the page cache holds it.
    static boolean fitsIn(Path memoryFileSystem) {
        try {
            return Files.getFileStore(memoryFileSystem).getUsableSpace() >= ROOM_BYTES;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Tolerates ranks that do not run for a while: 20 seconds of silence before a stream counts as dead.
    public static MediaDriver.Context context(Path directory) {
        int socketBuffer = grantedSocketBuffer();
        return new MediaDriver.Context().aeronDirectoryName(directory.toString()).dirDeleteOnStart(true).dirDeleteOnShutdown(true)
                .sharedIdleStrategy(idle()).termBufferSparseFile(true).socketSndbufLength(socketBuffer).socketRcvbufLength(socketBuffer)
                .initialWindowLength(Math.min(WINDOW_BYTES, socketBuffer)).clientLivenessTimeoutNs(LIVENESS_NS)
                .imageLivenessTimeoutNs(LIVENESS_NS).publicationConnectionTimeoutNs(LIVENESS_NS)
                .publicationUnblockTimeoutNs(LIVENESS_NS + TimeUnit.SECONDS.toNanos(5));
    }

    /// Yields for some hundred microseconds before it sleeps: a yield leaves the processor to whoever computes, and costs a transfer nothing,
    /// where the shortest sleep costs it 50 microseconds.
    private static BackoffIdleStrategy idle() {
        return new BackoffIdleStrategy(0, YIELDS, SLEEP_NS_MIN, SLEEP_NS_MAX);
    }

    /// What the kernel grants of the wanted size (`net.core.rmem_max` and `wmem_max`); Aeron refuses a window beyond it.
    private static int grantedSocketBuffer() {
        try (var channel = DatagramChannel.open()) {
            channel.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER_BYTES);
            channel.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER_BYTES);
            return Math.min(SOCKET_BUFFER_BYTES,
                    Math.min(channel.getOption(StandardSocketOptions.SO_RCVBUF), channel.getOption(StandardSocketOptions.SO_SNDBUF)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
