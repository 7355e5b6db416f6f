package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.ChunkDigests;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/// Digests a file chunk by chunk as it is written. One thread.
final class ChunkCrcs {
    private final CRC32C crc = new CRC32C();
    private final int[] crcs;
    private final long bytes;
    private long position;

    /// @param bytes the file will have
    ChunkCrcs(long bytes) {
        this.bytes = bytes;
        this.crcs = new int[Math.toIntExact(Math.ceilDiv(bytes, ChunkDigests.CHUNK_BYTES))];
    }

    /// Of what remains in `part`, which stays as it is.
    void update(ByteBuffer part) {
        for (int at = part.position(); at < part.limit();) {
            long chunkEnd = Math.min(bytes, (position / ChunkDigests.CHUNK_BYTES + 1) * ChunkDigests.CHUNK_BYTES);
            int take = (int) Math.min(part.limit() - at, chunkEnd - position);
            crc.update(part.slice(at, take));
            at += take;
            position += take;
            if (position == chunkEnd) {
                crcs[(int) ((position - 1) / ChunkDigests.CHUNK_BYTES)] = (int) crc.getValue();
                crc.reset();
            }
        }
    }

    ChunkDigests digests() {
        if (position != bytes) { throw new AssertionError("%d of %d bytes digested".formatted(position, bytes)); }
        return new ChunkDigests(bytes, ChunkDigests.CHUNK_BYTES, crcs);
    }
}
