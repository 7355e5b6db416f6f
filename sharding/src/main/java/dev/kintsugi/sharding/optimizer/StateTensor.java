package dev.kintsugi.sharding.optimizer;

import dev.kintsugi.sharding.architecture.DType;
import java.util.List;

/// The whole tensor that a slot has for one parameter.
///
/// @param shape dimension 0 are rows
/// @param isCut whether it has the parameter's rows, which ranks share out; else every rank has all of it, and the first saves it
public record StateTensor(DType dtype, List<Long> shape, boolean isCut) {
    public StateTensor {
        shape = List.copyOf(shape);
    }

    public long rows() {
        return shape.getFirst();
    }

    public long rowBytes() {
        return bytes() / rows();
    }

    public long bytes() {
        long bytes = dtype.bytes();
        for (long extent : shape) { bytes = Math.multiplyExact(bytes, extent); }
        return bytes;
    }
}
