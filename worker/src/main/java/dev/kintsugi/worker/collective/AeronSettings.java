package dev.kintsugi.worker.collective;

/// Sizes of Aeron's buffers and messages.
///
/// Every ordered pair of ranks has a stream, and a stream costs three terms at its sender and three at its receiver.
///
/// @param termBytes a power of two
/// @param mtuBytes of a UDP datagram; a multiple of 32
record AeronSettings(int termBytes, int mtuBytes) {
    private static final int TERM_BYTES_MAX = 4 << 20;
    private static final int TERM_BYTES_MIN = 1 << 20;
    private static final int MTU_BYTES = 8192;

    /// 4 MiB terms up to 5 ranks, then less, so that a host's buffers grow with the ranks and not with their square: 16 ranks on one
    /// host take 1.4 GB.
    static AeronSettings forWorld(int worldSize) {
        int share = Integer.highestOneBit(Math.max(1, 16 * (1 << 20) / Math.max(1, worldSize - 1)));
        return new AeronSettings(Math.clamp(share, TERM_BYTES_MIN, TERM_BYTES_MAX), MTU_BYTES);
    }
}
