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
import java.util.List;

/// A checkpoint's weights, tensor by tensor in ranges of a few MiB, through two buffers that are all it ever holds. Every byte has been checked.
final class TensorStream implements ExportTensors {
    private static final long RANGE_BYTES = 4 << 20;

    private final List<SavedParameter> parameters;
    private final WholeTensors tensors;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment f32 = arena.allocate(RANGE_BYTES, 64);
    private final MemorySegment bf16 = arena.allocate(RANGE_BYTES / 2, 64);

    TensorStream(CheckpointDirectory checkpoint) {
        parameters = checkpoint.manifest().parameters();
        tensors = WholeTensors.of(checkpoint);
    }

    @Override
    public List<SavedParameter> parameters() {
        return parameters;
    }

    /// All of a small tensor, f32.
    MemorySegment whole(SavedParameter p, Arena into) {
        MemorySegment all = into.allocate(p.numel() * Float.BYTES, 64);
        tensors.read(new TensorKind.Weight(), p, 0, all);
        return all;
    }

    @Override
    public void forEach(SavedParameter p, ElementType type, RangeUse use) throws IOException {
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

    @Override
    public ByteBuffer buffer() {
        return f32.asByteBuffer();
    }

    @Override
    public void close() {
        tensors.close();
        arena.close();
    }
}
