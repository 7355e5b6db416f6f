package dev.kintsugi.worker.checkpoint.safetensors;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Converts elements of files to the dtype of a shard: to f32, or to bf16, rounding to nearest even. One thread.
public final class ShardConverter {
    private static final int NUMEL = 16 << 10;

    private final DType to;
    private final F32Converter toF32 = new F32Converter();
    private final MemorySegment floats = Arena.ofAuto().allocate(NUMEL * Float.BYTES, Float.BYTES);

    /// @param to F32 or BF16
    public ShardConverter(DType to) {
        if (to != DType.F32 && to != DType.BF16) { throw new IllegalArgumentException("to=%s; must be F32 or BF16".formatted(to)); }
        this.to = to;
    }

    /// Whether elements of `type` are what a shard holds.
    public boolean isSame(ElementType type) {
        return type == (to == DType.F32 ? ElementType.F32 : ElementType.BF16);
    }

    /// Bytes of an element of a shard.
    public int bytes() {
        return to.bytes();
    }

    /// Converts all of `from` to the start of `into`.
    ///
    /// @param type F32, F16, BF16 or F64
    public void convert(ElementType type, MemorySegment from, MemorySegment into) {
        if (isSame(type)) {
            MemorySegment.copy(from, 0, into, 0, from.byteSize());
            return;
        }
        if (to == DType.F32) {
            toF32.convert(type, from, into);
            return;
        }
        long numel = from.byteSize() / type.bytes();
        for (long at = 0; at < numel; at += NUMEL) {
            long n = Math.min(NUMEL, numel - at);
            toF32.convert(type, from.asSlice(at * type.bytes(), n * type.bytes()), floats);
            Bf16.narrow(floats, 0, into, at, n);
        }
    }
}
