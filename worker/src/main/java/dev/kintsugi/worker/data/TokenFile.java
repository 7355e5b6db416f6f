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
///         8   int32     most words of a sample
///        12   int32     1: some words are read only, 2: samples have lengths of their own, 4: and are of several examples
///        16   int64     samples
///        24  32 bytes   SHA-256 of the int32 at 8 and all that follows the head
///        56   int64     words, where samples have lengths of their own; else 0
///        64   int32     words (TokenWord), sample after sample
///             int64     where each sample ends, in words, where samples have lengths of their own
/// ```
///
/// @param ragged samples have lengths of their own
/// @param joined samples may be of several examples, none of which sees another
record TokenFile(int blockLength, boolean readOnly, boolean ragged, boolean joined, long samples, long words, String sha256) {
    static final int HEAD_BYTES = 64;
    private static final int READ_ONLY = 1;
    private static final int RAGGED = 2;
    private static final int JOINED = 4;

    private static final byte[] MAGIC = "KINTOK01".getBytes(StandardCharsets.US_ASCII);
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    ByteBuffer head() {
        ByteBuffer head = ByteBuffer.allocate(HEAD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        head.put(MAGIC).putInt(blockLength).putInt((readOnly ? READ_ONLY : 0) | (ragged ? RAGGED : 0) | (joined ? JOINED : 0)).putLong(samples);
        head.put(HexFormat.of().parseHex(sha256)).putLong(ragged ? words : 0);
        return head.clear();
    }

    long fileBytes() {
        return HEAD_BYTES + words * Integer.BYTES + (ragged ? samples * Long.BYTES : 0);
    }

    /// Where sample `index` begins, in words.
    long start(MemorySegment data, long index) {
        if (!ragged) { return index * blockLength; }
        return index == 0 ? 0 : end(data, index - 1);
    }

    private long end(MemorySegment data, long index) {
        return data.get(I64, HEAD_BYTES + words * Integer.BYTES + index * Long.BYTES);
    }

    /// @param data the whole file
    /// @throws WorldException (`corrupt_dataset`) if it is not what [#head] wrote, as long as it says
    static TokenFile parse(Path file, MemorySegment data) throws IOException {
        if (data.byteSize() < HEAD_BYTES || MemorySegment.ofArray(MAGIC).mismatch(data.asSlice(0, MAGIC.length)) >= 0) {
            throw corrupt(file, "it does not begin as one");
        }
        byte[] sha256 = data.asSlice(24, 32).toArray(ValueLayout.JAVA_BYTE);
        int flags = data.get(I32, 12);
        boolean ragged = (flags & RAGGED) != 0;
        int blockLength = data.get(I32, 8);
        long samples = data.get(I64, 16);
        boolean possible = blockLength > 0 && samples > 0 && samples <= data.byteSize() && blockLength <= data.byteSize();
        long words = ragged ? data.get(I64, 56) : samples * blockLength;
        TokenFile head = new TokenFile(blockLength, (flags & READ_ONLY) != 0, ragged, (flags & JOINED) != 0, samples, words, HexFormat.of().formatHex(sha256));
        if (!possible || words < 0 || words > data.byteSize() || head.fileBytes() != data.byteSize()) {
            throw corrupt(file, "%d samples of %d words do not make its %d bytes".formatted(samples, words, data.byteSize()));
        }
        return head;
    }

    static WorldException corrupt(Path file, String why) {
        return new WorldException("corrupt_dataset", "token index %s is damaged: %s; delete it and start again".formatted(file, why));
    }

    /// The digest of what follows the head, which starts with the length of a block.
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
