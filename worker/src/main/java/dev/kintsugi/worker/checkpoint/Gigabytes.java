package dev.kintsugi.worker.checkpoint;

/// Bytes for people, in decimal units as disks have them.
final class Gigabytes {
    private Gigabytes() {}

    /// `1.2 GB in 1.50 s (0.80 GB/s)`
    static String since(long startNs, long bytes) {
        double seconds = (System.nanoTime() - startNs) / 1e9;
        return "%s in %.2f s (%.2f GB/s)".formatted(of(bytes), seconds, bytes / 1e9 / seconds);
    }

    /// `1.2 GB`, `35.0 MB`, `12 bytes`
    static String of(long bytes) {
        if (bytes >= 1_000_000_000) { return "%.1f GB".formatted(bytes / 1e9); }
        return bytes >= 1_000_000 ? "%.1f MB".formatted(bytes / 1e6) : bytes + " bytes";
    }
}
