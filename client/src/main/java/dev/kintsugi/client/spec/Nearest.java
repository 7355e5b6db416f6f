package dev.kintsugi.client.spec;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/// Finds what somebody probably meant to type.
public final class Nearest {
    private Nearest() {
    }

    /// @return the known name nearest to `typed`, if any is near enough that offering it helps: at most a third of the letters
    /// differ, or one begins with the other
    public static Optional<String> to(String typed, Collection<String> known) {
        String wanted = normal(typed);
        return known.stream()
                .filter(name -> isNear(wanted, normal(name)))
                .min(Comparator.comparingInt((String name) -> distance(wanted, normal(name)))
                        .thenComparing(Comparator.naturalOrder()));
    }

    /// @return "; did you mean X?", or nothing when no name is near
    public static String hint(String typed, Collection<String> known) {
        return to(typed, known).map(name -> "; did you mean " + name + "?").orElse("");
    }

    private static boolean isNear(String wanted, String name) {
        int letters = Math.max(wanted.length(), name.length());
        boolean prefix = Math.min(wanted.length(), name.length()) >= 4 && (wanted.startsWith(name) || name.startsWith(wanted));
        return prefix || distance(wanted, name) <= Math.max(1, letters / 3);
    }

    private static String normal(String name) {
        return name.toLowerCase(java.util.Locale.ROOT).replaceFirst("^-+", "").replace('-', '_');
    }

    /// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each cost one.
    static int distance(String a, String b) {
        int[][] cost = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                cost[i][j] = i == 0 ? j : j == 0 ? i : cheapest(cost, a, b, i, j);
            }
        }
        return cost[a.length()][b.length()];
    }

    private static int cheapest(int[][] cost, String a, String b, int i, int j) {
        int replaced = cost[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        int best = Math.min(replaced, Math.min(cost[i - 1][j], cost[i][j - 1]) + 1);
        boolean swapped = i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1);
        return swapped ? Math.min(best, cost[i - 2][j - 2] + 1) : best;
    }
}
