package dev.kintsugi.worker.checkpoint;

/// Bytes for people, in decimal units as disks have them.
final class Gigabytes {
    private Gigabytes() {}

    /// `1.2 GB`, `35.0 MB`, `12 bytes`
    static String of(long bytes) {
        if (bytes >= 1_000_000_000) { return "%.1f GB".formatted(bytes / 1e9); }
        return bytes >= 1_000_000 ? "%.1f MB".formatted(bytes / 1e6) : bytes + " bytes";
    }
}
