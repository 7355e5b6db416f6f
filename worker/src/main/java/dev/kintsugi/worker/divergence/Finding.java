package dev.kintsugi.worker.divergence;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/// The first result of a rank's part of a step that was not finite.
///
/// @param microbatch of the step, of all ranks' in their order
/// @param parameter that the operation used; empty where it used none
/// @param text for people: where, which operation, what values
public record Finding(int microbatch, String parameter, String text) {
    /// At most a few hundred bytes, for other ranks.
    public byte[] toBytes() {
        byte[] name = parameter.getBytes(StandardCharsets.UTF_8);
        byte[] words = text.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(2 * Integer.BYTES + name.length + words.length).putInt(microbatch).putInt(name.length).put(name).put(words).array();
    }

    public static Finding read(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        int microbatch = buffer.getInt();
        byte[] name = new byte[buffer.getInt()];
        buffer.get(name);
        byte[] words = new byte[buffer.remaining()];
        buffer.get(words);
        return new Finding(microbatch, new String(name, StandardCharsets.UTF_8), new String(words, StandardCharsets.UTF_8));
    }
}
