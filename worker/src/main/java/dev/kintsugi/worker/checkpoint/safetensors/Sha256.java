package dev.kintsugi.worker.checkpoint.safetensors;

import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// SHA-256 of memory, mapped or not.
public final class Sha256 {
    private static final long CHUNK_BYTES = 4 << 20;

    private final MessageDigest digest = newDigest();

    public static MessageDigest newDigest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }

    /// Lower-case hex of all of `bytes`.
    public static String hex(MemorySegment bytes) {
        var sha256 = new Sha256();
        sha256.update(bytes);
        return sha256.hex();
    }

    void update(MemorySegment bytes) {
        for (long from = 0; from < bytes.byteSize(); from += CHUNK_BYTES) {
            digest.update(bytes.asSlice(from, Math.min(CHUNK_BYTES, bytes.byteSize() - from)).asByteBuffer());
        }
    }

    String hex() {
        return HexFormat.of().formatHex(digest.digest());
    }
}
