package dev.kintsugi.worker.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What the operating system counts for this process, in bytes, the JVM included; 0 where the system does not tell (not Linux).
final class ProcessMemory {
    private ProcessMemory() {}

    static long peakResidentBytes() {
        return status("VmHWM:");
    }

    static long residentBytes() {
        return status("VmRSS:");
    }

    private static long status(String field) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith(field)) { return Long.parseLong(line.replaceAll("\\D", "")) << 10; }
            }
        } catch (IOException e) {
            return 0;
        }
        return 0;
    }
}
