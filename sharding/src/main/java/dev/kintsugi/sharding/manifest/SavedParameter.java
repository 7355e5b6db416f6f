package dev.kintsugi.sharding.manifest;

import static java.util.Objects.requireNonNull;

import java.util.List;

/// A parameter as it was cut when it was saved.
///
/// @param shape elements; dimension 0 are the rows
/// @param rowsPerRank rank r saved rows `[r * rowsPerRank, min((r + 1) * rowsPerRank, rows))`
public record SavedParameter(String name, List<Long> shape, long rowsPerRank) {
    public SavedParameter {
        requireNonNull(name, "name is null");
        shape = List.copyOf(shape);
        if (name.isEmpty() || shape.isEmpty() || shape.stream().anyMatch(d -> d < 1)) {
            throw new IllegalArgumentException("parameter '%s': shape=%s; every dimension must be >= 1".formatted(name, shape));
        }
        if (rowsPerRank < 1 || rowsPerRank > shape.getFirst()) {
            throw new IllegalArgumentException(
                    "parameter '%s': rows_per_rank=%d; must be in [1, %d]".formatted(name, rowsPerRank, shape.getFirst()));
        }
        numel(name, shape);
    }

    private static long numel(String name, List<Long> shape) {
        try {
            return Math.multiplyExact(8L, shape.stream().reduce(1L, Math::multiplyExact)) / 8;
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("parameter '%s': shape=%s is larger than any tensor".formatted(name, shape), e);
        }
    }

    public long rows() {
        return shape.getFirst();
    }

    public long numel() {
        return numel(name, shape);
    }

    /// Elements of one row.
    public long rowNumel() {
        return numel() / rows();
    }

    public long firstRow(int rank) {
        return Math.min(Math.multiplyExact(rank, rowsPerRank), rows());
    }

    /// Rows that `rank` saved; 0 on the last ranks of a small parameter.
    public long rows(int rank) {
        return Math.min(firstRow(rank) + rowsPerRank, rows()) - firstRow(rank);
    }
}
