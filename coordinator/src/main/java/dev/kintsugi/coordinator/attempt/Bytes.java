package dev.kintsugi.coordinator.attempt;

/// Byte counts for people.
final class Bytes {
    private Bytes() {}

    static String show(long bytes) {
        if (bytes >= 1_000_000_000) { return "%.1f GB".formatted(bytes / 1e9); }
        if (bytes < 1000) { return bytes + " bytes"; }
        return bytes >= 1_000_000 ? "%.1f MB".formatted(bytes / 1e6) : "%.1f kB".formatted(bytes / 1e3);
    }
}
