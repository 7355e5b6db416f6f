package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.ChunkDigests;
import java.io.IOException;

/// Some bytes of a file are not those that were written.
final class BadChunkException extends IOException {
    private final long begin;
    private final long end;
    private final String expected;
    private final String actual;

    BadChunkException(ChunkDigests digests, int chunk, int actualCrc) {
        super("bytes [%d, %d) are not what was written: expected=crc32c %08x actual=%08x".formatted(digests.begin(chunk), digests.end(chunk),
                digests.crc(chunk), actualCrc));
        begin = digests.begin(chunk);
        end = digests.end(chunk);
        expected = "crc32c %08x".formatted(digests.crc(chunk));
        actual = "%08x".formatted(actualCrc);
    }

    long begin() {
        return begin;
    }

    /// The byte after the last.
    long end() {
        return end;
    }

    String expected() {
        return expected;
    }

    String actual() {
        return actual;
    }
}
