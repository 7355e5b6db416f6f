package dev.kintsugi.worker.checkpoint.cli;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/// Times as people read them, in their own zone.
final class Dates {
    private static final DateTimeFormatter LOCAL = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT).withZone(ZoneId.systemDefault());

    private Dates() {}

    /// @param instant as a manifest has it
    static String local(String instant) {
        return LOCAL.format(Instant.parse(instant));
    }
}
