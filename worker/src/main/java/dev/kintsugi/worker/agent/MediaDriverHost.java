package dev.kintsugi.worker.agent;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Aeron's media driver for all ranks of this host, inside the agent's process. It runs while there are ranks, so that an idle
/// agent costs nothing.
final class MediaDriverHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MediaDriverHost.class);

    private final Path directory;
    private MediaDriver driver;

    MediaDriverHost(Path directory) {
        this.directory = directory;
    }

    Path directory() {
        return directory;
    }

    void start() {
        if (driver != null) { return; }
        driver = MediaDriver.launchEmbedded(MediaDrivers.context(directory).threadingMode(ThreadingMode.SHARED));
        LOG.debug("media driver started in {}", directory);
    }

    @Override
    public void close() {
        if (driver == null) { return; }
        driver.close();
        driver = null;
    }
}
