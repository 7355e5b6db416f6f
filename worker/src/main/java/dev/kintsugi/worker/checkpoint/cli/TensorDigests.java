package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.TensorKind;
import dev.kintsugi.worker.checkpoint.WholeTensors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;

/// CRC-32C of whole weights, row-major f32, little-endian, which no cut changes.
///
/// @param crcs by parameter, 8 hex digits; empty when none were computed
record TensorDigests(Map<String, String> crcs) {
    static final TensorDigests NONE = new TensorDigests(Map.of());
    private static final long RANGE_BYTES = 4 << 20;

    static TensorDigests of(CheckpointDirectory checkpoint, TensorSelection selection, ProgressLine progress) {
        var crcs = new HashMap<String, String>();
        long total = selection.parameters().stream().mapToLong(SavedParameter::numel).sum() * Float.BYTES;
        long done = 0;
        try (var tensors = WholeTensors.of(checkpoint); Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(RANGE_BYTES, 64);
            for (SavedParameter p : selection.parameters()) {
                var crc = new CRC32C();
                long bytes = p.numel() * Float.BYTES;
                for (long at = 0; at < bytes; at += RANGE_BYTES) {
                    MemorySegment range = buffer.asSlice(0, Math.min(RANGE_BYTES, bytes - at));
                    tensors.read(new TensorKind.Weight(), p, at, range);
                    crc.update(range.asByteBuffer());
                    done += range.byteSize();
                    progress.show("reading", done, total);
                }
                crcs.put(p.name(), "%08x".formatted(crc.getValue()));
            }
        }
        return new TensorDigests(crcs);
    }

    boolean isEmpty() {
        return crcs.isEmpty();
    }
}
