package dev.kintsugi.sharding.schedule;

/// Rows of a unit that travel from one rank to another: those that rank `rowsOf` holds.
public record Transfer(int from, int to, int rowsOf) {
    public Transfer {
        if (from == to || from < 0 || to < 0 || rowsOf < 0) {
            throw new IllegalArgumentException("transfer: from=%d to=%d rowsOf=%d".formatted(from, to, rowsOf));
        }
    }
}
