package dev.kintsugi.sharding.architecture;

/// Element types of tensors, with the names that safetensors gives them. All are little-endian, on disk and in memory.
public enum DType {
    F64(8), F32(4), BF16(2), F16(2), I64(8), I32(4), I8(1), U8(1);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /// Bytes of one element.
    public int bytes() {
        return bytes;
    }
}
