package dev.kintsugi.client.picture;

/// A curve in one line of text.
public final class Sparkline {
    private static final String LEVELS = "▁▂▃▄▅▆▇█";

    private Sparkline() {
    }

    /// @param columns at most how many characters; each is the mean of its share of the values
    public static String of(double[] values, int columns) {
        int cells = Math.min(columns, values.length);
        double[] means = new double[cells];
        for (int cell = 0; cell < cells; cell++) {
            int from = (int) ((long) cell * values.length / cells);
            int to = (int) ((long) (cell + 1) * values.length / cells);
            means[cell] = java.util.Arrays.stream(values, from, to).average().orElseThrow();
        }
        double low = java.util.Arrays.stream(means).min().orElse(0);
        double high = java.util.Arrays.stream(means).max().orElse(0);
        StringBuilder line = new StringBuilder();
        for (double mean : means) {
            int level = high == low ? 0 : (int) Math.round((mean - low) / (high - low) * (LEVELS.length() - 1));
            line.append(LEVELS.charAt(level));
        }
        return line.toString();
    }
}
