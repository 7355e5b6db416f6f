package dev.kintsugi.worker.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What the host has left, whoever uses the rest; limits of a container are not looked at.
public final class HostMemory {
    private static final long LEFT_FREE_MIN = 256L << 20;
    private static final long LEFT_FREE_PART = 32;

    private HostMemory() {}

    /// Bytes that can be taken without bringing the host to where it kills processes: what is available, less 1/32 of all and at least 256 MiB. Without
    /// bound where the system does not tell (not Linux).
    ///
    /// @see <a href="https://www.man7.org/linux/man-pages/man5/proc_meminfo.5.html">proc_meminfo(5)</a>
    public static long spareBytes() {
        long total = 0;
        long available = -1;
        try {
            for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
                if (line.startsWith("MemTotal:")) { total = bytes(line); }
                if (line.startsWith("MemAvailable:")) { available = bytes(line); }
            }
        } catch (IOException e) {
            return Long.MAX_VALUE;
        }
        return available < 0 ? Long.MAX_VALUE : available - Math.max(LEFT_FREE_MIN, total / LEFT_FREE_PART);
    }

    private static long bytes(String line) {
        return Long.parseLong(line.replaceAll("\\D", "")) << 10;
    }
}
