package dev.kintsugi.sharding.optimizer;

import java.util.List;

/// How large a slot's tensor is beside its parameter of shape (R, ...), whose rows have C elements.
public enum StateExtent {
    /// As large: cut as the parameter is.
    ELEMENT,
    /// (R): cut as the parameter is.
    ROW,
    /// (C): whole on every rank, saved by the first.
    COLUMN,
    /// (R, ceil(C / 256)): a number for each 256 elements of a row, so that no block lies on two ranks. Cut as the parameter is.
    ROW_BLOCK;

    /// Elements of a block of a row.
    public static final int BLOCK_NUMEL = 256;

    List<Long> shape(List<Long> parameter) {
        long rows = parameter.getFirst();
        return switch (this) {
            case ELEMENT -> parameter;
            case ROW -> List.of(rows);
            case COLUMN -> List.of(rowNumel(parameter));
            case ROW_BLOCK -> List.of(rows, Math.ceilDiv(rowNumel(parameter), BLOCK_NUMEL));
        };
    }

    private static long rowNumel(List<Long> shape) {
        return shape.subList(1, shape.size()).stream().reduce(1L, Math::multiplyExact);
    }
}
