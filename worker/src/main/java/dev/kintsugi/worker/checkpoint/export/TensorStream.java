package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.TensorKind;
import dev.kintsugi.worker.checkpoint.WholeTensors;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.memory.Bf16;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/// A checkpoint's weights, tensor by tensor in ranges of a few MiB, through two buffers that are all it ever holds. Every byte has been checked.
final class TensorStream implements AutoCloseable {
    private static final long RANGE_BYTES = 4 << 20;

    private final WholeTensors tensors;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment f32 = arena.allocate(RANGE_BYTES, 64);
    private final MemorySegment bf16 = arena.allocate(RANGE_BYTES / 2, 64);

    /// Takes a range, which is borrowed until it returns.
    @FunctionalInterface
    interface RangeUse {
        void accept(ByteBuffer range) throws IOException;
    }

    TensorStream(CheckpointDirectory checkpoint) {
        tensors = WholeTensors.of(checkpoint);
    }

    /// Hands out a whole tensor in row order.
    ///
    /// @param type F32, or BF16: rounded to nearest, ties to even
    void forEach(SavedParameter p, ElementType type, RangeUse use) throws IOException {
        long bytes = p.numel() * Float.BYTES;
        for (long at = 0; at < bytes; at += RANGE_BYTES) {
            MemorySegment range = f32.asSlice(0, Math.min(RANGE_BYTES, bytes - at));
            tensors.read(new TensorKind.Weight(), p, at, range);
            use.accept((type == ElementType.F32 ? range : narrow(range)).asByteBuffer());
        }
    }

    private MemorySegment narrow(MemorySegment range) {
        long n = range.byteSize() / Float.BYTES;
        Bf16.narrow(range, 0, bf16, 0, n);
        return bf16.asSlice(0, n * Short.BYTES);
    }

    /// For reading back, when no tensor is being handed out.
    ByteBuffer buffer() {
        return f32.asByteBuffer();
    }

    @Override
    public void close() {
        tensors.close();
        arena.close();
    }
}
