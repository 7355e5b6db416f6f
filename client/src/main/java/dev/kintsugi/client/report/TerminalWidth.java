package dev.kintsugi.client.report;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/// How many columns standard output has.
public final class TerminalWidth {
    private static final int USUAL = 80;

    private TerminalWidth() {
    }

    /// @return 0 when standard output is not a terminal, which the launcher looked up, or is a dumb one
    public static int ofStandardOutput() {
        boolean terminal = System.getenv("KINTSUGI_TERMINAL") != null && !"dumb".equals(System.getenv("TERM"));
        return terminal ? ask() : 0;
    }

    private static int ask() {
        try {
            Process stty = new ProcessBuilder("stty", "size").redirectInput(new File("/dev/tty")).start();
            if (!stty.waitFor(1, TimeUnit.SECONDS)) {
                stty.destroyForcibly();
                return USUAL;
            }
            String[] rowsAndColumns = new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip()
                    .split(" ");
            int columns = rowsAndColumns.length == 2 ? Integer.parseInt(rowsAndColumns[1]) : 0;
            return columns > 0 ? columns : USUAL;
        } catch (IOException | NumberFormatException _) {
            return USUAL;
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            return USUAL;
        }
    }
}
