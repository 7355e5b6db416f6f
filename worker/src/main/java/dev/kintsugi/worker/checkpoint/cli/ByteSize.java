package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.worker.failure.CallerException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Byte counts as people write them, with Transformers' meaning: `5GB` is 5 * 10^9, `5GiB` is 5 * 2^30.
final class ByteSize {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,9})\\s*([KMGT]?)(I?)B?", Pattern.CASE_INSENSITIVE);

    private ByteSize() {}

    /// @param flag names the option in messages
    static long parse(String text, String flag) {
        Matcher m = SIZE.matcher(text.strip());
        if (!m.matches() || (m.group(2).isEmpty() && !m.group(3).isEmpty()) || Long.parseLong(m.group(1)) == 0) {
            throw new CallerException("%s=%s is not a size; give for example 5GB or 500MB".formatted(flag, text));
        }
        long unit = 1;
        for (int i = 0; i <= "KMGT".indexOf(m.group(2).toUpperCase(Locale.ROOT)) && !m.group(2).isEmpty(); i++) {
            unit *= m.group(3).isEmpty() ? 1000 : 1024;
        }
        return Long.parseLong(m.group(1)) * unit;
    }

    static String format(long bytes) {
        if (bytes < 1000) { return bytes + " B"; }
        double value = bytes;
        int unit = -1;
        while (value >= 999.95) {
            value /= 1000;
            unit++;
        }
        return String.format(Locale.ROOT, "%.1f %sB", value, "kMGTPE".charAt(unit));
    }
}
