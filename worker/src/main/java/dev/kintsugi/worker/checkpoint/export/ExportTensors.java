package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/// The tensors of an export, one after another in ranges of a few MiB.
interface ExportTensors extends AutoCloseable {
    /// Takes a range, which is borrowed until it returns.
    @FunctionalInterface
    interface RangeUse {
        void accept(ByteBuffer range) throws IOException;
    }

    /// In the order of the files.
    List<SavedParameter> parameters();

    /// Hands out a whole tensor in row order.
    ///
    /// @param type F32, or BF16: rounded to nearest, ties to even
    void forEach(SavedParameter p, ElementType type, RangeUse use) throws IOException;

    /// For reading back, when no tensor is being handed out.
    ByteBuffer buffer();

    @Override
    void close();
}
