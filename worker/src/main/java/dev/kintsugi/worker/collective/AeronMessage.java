package dev.kintsugi.worker.collective;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// The header before each message's payload: 64 bytes, little-endian.
///
/// ```
///  0 job hash   8 generation   16 step   24 sequence   32 kind   36 unit key   40 offset   48 total   56 payload bytes
/// ```
///
/// Offset and total are bytes of the transfer that the message is a part of.
final class AeronMessage {
    static final int HEADER_BYTES = 64;

    /// Where term buffers are: all of this process's memory. Aeron hands out addresses, and has checked them.
    static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private AeronMessage() {}

    /// Bytes of payload in a full message: a multiple of 64, so that elements never straddle messages.
    static int payloadBytes(int maxPayloadLength) {
        return (maxPayloadLength - HEADER_BYTES) / 64 * 64;
    }

    static void write(long at, GroupConfig config, Call call, long offset, long total, int payloadBytes) {
        MEMORY.set(LONG, at, config.jobHash());
        MEMORY.set(LONG, at + 8, config.generation());
        MEMORY.set(LONG, at + 16, call.step());
        MEMORY.set(LONG, at + 24, call.sequence());
        MEMORY.set(INT, at + 32, call.kind().ordinal());
        MEMORY.set(INT, at + 36, call.unitKey());
        MEMORY.set(LONG, at + 40, offset);
        MEMORY.set(LONG, at + 48, total);
        MEMORY.set(INT, at + 56, payloadBytes);
        MEMORY.set(INT, at + 60, 0);
    }

    static boolean isOfGroup(long at, int length, GroupConfig config) {
        return length >= HEADER_BYTES && MEMORY.get(LONG, at) == config.jobHash() && MEMORY.get(LONG, at + 8) == config.generation();
    }

    static boolean isOfCall(long at, Call call) {
        return MEMORY.get(LONG, at + 16) == call.step() && sequence(at) == call.sequence() && kind(at) == call.kind().ordinal()
                && unitKey(at) == call.unitKey();
    }

    static String describe(long at, CallLog calls) {
        return calls.describe(Kind.of(kind(at)), unitKey(at), sequence(at)) + " of step " + MEMORY.get(LONG, at + 16);
    }

    private static long sequence(long at) {
        return MEMORY.get(LONG, at + 24);
    }

    private static int kind(long at) {
        return MEMORY.get(INT, at + 32);
    }

    private static int unitKey(long at) {
        return MEMORY.get(INT, at + 36);
    }

    static long offset(long at) {
        return MEMORY.get(LONG, at + 40);
    }

    static long total(long at) {
        return MEMORY.get(LONG, at + 48);
    }

    static int payloadBytes(long at) {
        return MEMORY.get(INT, at + 56);
    }
}
