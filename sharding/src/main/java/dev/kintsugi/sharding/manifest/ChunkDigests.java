package dev.kintsugi.sharding.manifest;

import java.util.Arrays;
import java.util.HexFormat;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.json.JsonMapper;

/// The CRC-32C of each chunk of a file: what its `.crc32c` file holds. A reader of some bytes checks just the chunks that cover them.
///
/// The manifest has the SHA-256 of this file's text, so that a manifest vouches for every byte of a checkpoint and still has one line a file.
public final class ChunkDigests {
    /// Of the files that this version writes. Small enough that a row range costs little more than itself, and is checked in a core's cache.
    public static final int CHUNK_BYTES = 1 << 20;

    private static final String FORMAT = "kintsugi-crc32c";
    private static final int FORMAT_VERSION = 1;
    private static final int HEX_DIGITS = 8;
    private static final int CHUNK_BYTES_MIN = 1 << 12;
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build()).build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    private final long bytes;
    private final int chunkBytes;
    private final int[] crcs;

    /// @param bytes of the whole file; the last chunk is what is left of it
    /// @param crcs by chunk; kept
    public ChunkDigests(long bytes, int chunkBytes, int[] crcs) {
        if (bytes < 0) { throw new IllegalArgumentException("bytes=%d; must be >= 0".formatted(bytes)); }
        if (chunkBytes < CHUNK_BYTES_MIN || chunkBytes > CHUNK_BYTES) {
            throw new IllegalArgumentException("chunk_bytes=%d; must be in [%d, %d]".formatted(chunkBytes, CHUNK_BYTES_MIN, CHUNK_BYTES));
        }
        if (crcs.length != Math.ceilDiv(bytes, chunkBytes)) {
            throw new IllegalArgumentException("crc32c has %d chunks; %d bytes in chunks of %d are %d"
                    .formatted(crcs.length, bytes, chunkBytes, Math.ceilDiv(bytes, chunkBytes)));
        }
        this.bytes = bytes;
        this.chunkBytes = chunkBytes;
        this.crcs = crcs;
    }

    /// Of the file that the digests are of.
    public long bytes() {
        return bytes;
    }

    public int chunkBytes() {
        return chunkBytes;
    }

    public int chunks() {
        return crcs.length;
    }

    public int crc(int chunk) {
        return crcs[chunk];
    }

    /// First byte of a chunk.
    public long begin(int chunk) {
        return (long) chunk * chunkBytes;
    }

    /// The byte after a chunk's last.
    public long end(int chunk) {
        return Math.min(bytes, begin(chunk) + chunkBytes);
    }

    /// The chunk that has byte `offset`.
    public int chunkOf(long offset) {
        return Math.toIntExact(offset / chunkBytes);
    }

    public String toJson() {
        var hex = new StringBuilder(crcs.length * HEX_DIGITS);
        for (int crc : crcs) { hex.append(HexFormat.of().toHexDigits(crc)); }
        return JSON.writeValueAsString(JSON.createObjectNode().put("format", FORMAT).put("format_version", FORMAT_VERSION)
                .put("chunk_bytes", chunkBytes).put("bytes", bytes).put("crc32c", hex.toString())) + "\n";
    }

    /// @throws IllegalArgumentException half a sentence: what is wrong, in which field
    public static ChunkDigests parse(String json) {
        try {
            Field root = Field.root(JSON.readTree(json));
            if (!FORMAT.equals(root.get("format").text()) || root.get("format_version").integer() != FORMAT_VERSION) {
                throw new IllegalArgumentException("format is not \"%s\" %d".formatted(FORMAT, FORMAT_VERSION));
            }
            return new ChunkDigests(root.get("bytes").integer(), root.get("chunk_bytes").int32(), crcs(root.get("crc32c").text()));
        } catch (JacksonException e) {
            throw new IllegalArgumentException("not valid JSON (%s)".formatted(e.getOriginalMessage()), e);
        }
    }

    private static int[] crcs(String hex) {
        if (hex.length() % HEX_DIGITS != 0) { throw new IllegalArgumentException("field crc32c is not %d hex digits a chunk".formatted(HEX_DIGITS)); }
        var crcs = new int[hex.length() / HEX_DIGITS];
        try {
            for (int i = 0; i < crcs.length; i++) { crcs[i] = HexFormat.fromHexDigits(hex, i * HEX_DIGITS, (i + 1) * HEX_DIGITS); }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("field crc32c is not hexadecimal", e);
        }
        return crcs;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof ChunkDigests d && bytes == d.bytes && chunkBytes == d.chunkBytes && Arrays.equals(crcs, d.crcs);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(crcs);
    }
}
