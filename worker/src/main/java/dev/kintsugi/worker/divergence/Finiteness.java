package dev.kintsugi.worker.divergence;

import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// How many values are infinite or no number, and how large the others are.
///
/// @param bad of the `numel`
/// @param largest magnitude of the finite ones; 0 where there are none
public record Finiteness(long numel, long bad, double largest) {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// @param x F32 or BF16; of other types every value counts as finite
    public static Finiteness of(Tensor x) {
        return switch (x.dtype()) {
            case F32 -> of(x.data(), x.numel(), false);
            case BF16 -> of(x.data(), x.numel(), true);
            default -> new Finiteness(x.numel(), 0, 0);
        };
    }

    public static Finiteness ofF32(MemorySegment x) {
        return of(x, x.byteSize() / Float.BYTES, false);
    }

    private static Finiteness of(MemorySegment x, long numel, boolean bf16) {
        long bad = 0;
        float largest = 0;
        for (long i = 0; i < numel; i++) {
            float value = Math.abs(bf16 ? Float.intBitsToFloat(x.get(SHORT, 2 * i) << 16) : x.get(FLOAT, 4 * i));
            if (!Float.isFinite(value)) {
                bad++;
            } else if (value > largest) {
                largest = value;
            }
        }
        return new Finiteness(numel, bad, largest);
    }

    public boolean isFinite() {
        return bad == 0;
    }

    /// For people: `12 of 65,536 values are not finite, the largest other is 3.1e+38`.
    public String describe() {
        String some = "%,d of %,d values %s not finite".formatted(bad, numel, bad == 1 ? "is" : "are");
        return bad == numel ? some : "%s, the largest other is %.3g".formatted(some, largest);
    }
}
