package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// The head of an index file. All numbers are little-endian.
///
/// ```
/// offset  0   8 bytes   "KINTOK01"
///         8   int32     tokens of a block
///        12   int32     0
///        16   int64     blocks
///        24  32 bytes   SHA-256 of the int32 tokens of a block and all ids
///        56   8 bytes   0
///        64   int32     ids, block after block
/// ```
record TokenFile(int blockLength, long blocks, String sha256) {
    static final int HEAD_BYTES = 64;

    private static final byte[] MAGIC = "KINTOK01".getBytes(StandardCharsets.US_ASCII);
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    ByteBuffer head() {
        ByteBuffer head = ByteBuffer.allocate(HEAD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        head.put(MAGIC).putInt(blockLength).putInt(0).putLong(blocks).put(HexFormat.of().parseHex(sha256));
        return head.clear();
    }

    long fileBytes() {
        return HEAD_BYTES + blocks * blockLength * Integer.BYTES;
    }

    /// @param data the whole file
    /// @throws WorldException (`corrupt_dataset`) if it is not what [#head] wrote, as long as it says
    static TokenFile parse(Path file, MemorySegment data) throws IOException {
        if (data.byteSize() < HEAD_BYTES || MemorySegment.ofArray(MAGIC).mismatch(data.asSlice(0, MAGIC.length)) >= 0) {
            throw corrupt(file, "it does not begin as one");
        }
        byte[] sha256 = data.asSlice(24, 32).toArray(ValueLayout.JAVA_BYTE);
        TokenFile head = new TokenFile(data.get(I32, 8), data.get(I64, 16), HexFormat.of().formatHex(sha256));
        if (head.blockLength < 1 || head.blocks < 1 || head.blocks > data.byteSize() || head.fileBytes() != data.byteSize()) {
            throw corrupt(file, "%d blocks of %d tokens do not make its %d bytes".formatted(head.blocks, head.blockLength, data.byteSize()));
        }
        return head;
    }

    static WorldException corrupt(Path file, String why) {
        return new WorldException("corrupt_dataset", "token index %s is damaged: %s; delete it and start again".formatted(file, why));
    }

    /// The digest of ids, which starts with the length of a block.
    static MessageDigest startDigest(int blockLength) {
        MessageDigest digest = newSha256();
        digest.update(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(0, blockLength));
        return digest;
    }

    static MessageDigest newSha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }
}
