package dev.kintsugi.client.picture;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Round numbers along an axis.
record Ticks(double spacing, List<Double> values) {

    /// @param most how many there may be; at least 2
    static Ticks between(double low, double high, int most) {
        double spacing = spacing((high - low) / (most - 1));
        List<Double> values = new ArrayList<>();
        for (long i = (long) Math.ceil(low / spacing - 1e-9); i * spacing <= high + 1e-9 * spacing; i++) {
            values.add(i * spacing);
        }
        return new Ticks(spacing, values);
    }

    /// The least of 1, 2 and 5 times a power of ten that is not below `least`.
    private static double spacing(double least) {
        double power = Math.pow(10, Math.floor(Math.log10(least)));
        for (double factor : new double[]{1, 2, 5}) {
            if (factor * power >= least * (1 - 1e-9)) { return factor * power; }
        }
        return 10 * power;
    }

    /// With as many decimals as the spacing has.
    String label(double value) {
        int decimals = (int) Math.max(0, -Math.floor(Math.log10(spacing) + 1e-9));
        return String.format(Locale.ROOT, "%." + decimals + "f", value + 0.0);
    }
}
