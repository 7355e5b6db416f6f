package dev.kintsugi.client.report;

import java.util.Locale;

/// Numbers as people read them.
public final class Quantities {
    private Quantities() {
    }

    /// `999 B`, `1.50 MiB`, `12.3 GiB`.
    public static String bytes(long bytes) {
        String[] units = {"KiB", "MiB", "GiB", "TiB"};
        if (bytes < 1024) { return bytes + " B"; }
        double value = bytes / 1024.0;
        int unit = 0;
        while (value >= 1024 && unit < units.length - 1) {
            value /= 1024;
            unit++;
        }
        return threeDigits(value) + " " + units[unit];
    }

    /// `812`, `7.13 M`, `1.24 B`.
    public static String count(long count) {
        if (count < 10_000) { return Long.toString(count); }
        if (count < 1_000_000) { return threeDigits(count / 1e3) + " K"; }
        return count < 1_000_000_000 ? threeDigits(count / 1e6) + " M" : threeDigits(count / 1e9) + " B";
    }

    /// `0.8s`, `42s`, `3m12s`, `2h05m`, `4d03h`.
    public static String duration(double seconds) {
        if (!(seconds >= 0) || Double.isInfinite(seconds)) { return "?"; }
        if (seconds < 9.95) { return String.format(Locale.ROOT, "%.1fs", seconds); }
        long whole = Math.round(seconds);
        if (whole < 60) { return whole + "s"; }
        if (whole < 3600) { return String.format(Locale.ROOT, "%dm%02ds", whole / 60, whole % 60); }
        return whole < 86_400
                ? String.format(Locale.ROOT, "%dh%02dm", whole / 3600, whole % 3600 / 60)
                : String.format(Locale.ROOT, "%dd%02dh", whole / 86_400, whole % 86_400 / 3600);
    }

    /// `12,345`.
    public static String grouped(double value) {
        return String.format(Locale.ROOT, "%,d", Math.round(value));
    }

    private static String threeDigits(double value) {
        return String.format(Locale.ROOT, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
    }
}
