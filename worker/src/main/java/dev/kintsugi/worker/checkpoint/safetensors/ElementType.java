package dev.kintsugi.worker.checkpoint.safetensors;

import dev.kintsugi.sharding.architecture.DType;
import java.util.Arrays;
import java.util.Optional;

/// Element types a safetensors header may name. Those of whole bytes are known; only floating-point ones are read.
public enum ElementType {
    BOOL(1), U8(1), I8(1), F8_E5M2(1), F8_E4M3(1), F8_E8M0(1), I16(2), U16(2), F16(2), BF16(2), I32(4), U32(4), F32(4), I64(8), U64(8),
    F64(8), C64(8);

    private final int bytes;

    ElementType(int bytes) {
        this.bytes = bytes;
    }

    public int bytes() {
        return bytes;
    }

    /// The type that stores elements of `dtype` as they are.
    public static ElementType of(DType dtype) {
        return valueOf(dtype.name());
    }

    static Optional<ElementType> named(String name) {
        return Arrays.stream(values()).filter(t -> t.name().equals(name)).findFirst();
    }

    public boolean isReadable() {
        return this == F32 || this == F16 || this == BF16 || this == F64;
    }
}
