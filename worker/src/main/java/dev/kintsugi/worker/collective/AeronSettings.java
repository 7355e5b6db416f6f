package dev.kintsugi.worker.collective;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.util.List;

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
    private static final int MTU_BYTES_LOOPBACK = 65_504;       // the largest UDP datagram that Aeron sends

    /// Over a network 4 MiB terms up to 5 ranks, then less, so that a host's buffers grow with the ranks and not with their square: 16 ranks
    /// on one host take 1.4 GB. Between processes of one machine terms are small, because caches hold them, and datagrams as large as they can
    /// be, since they never meet a network: an eighth of the system calls.
    static AeronSettings forGroup(GroupConfig config) {
        if (areOfThisMachine(config.dataEndpoints())) { return new AeronSettings(TERM_BYTES_MIN, MTU_BYTES_LOOPBACK); }
        int share = Integer.highestOneBit(Math.max(1, 16 * (1 << 20) / Math.max(1, config.worldSize() - 1)));
        return new AeronSettings(Math.clamp(share, TERM_BYTES_MIN, TERM_BYTES_MAX), MTU_BYTES);
    }

    /// All ranks come to the same answer: if there are two machines, each rank has a peer on another.
    private static boolean areOfThisMachine(List<String> endpoints) {
        try {
            for (String endpoint : endpoints) {
                String host = endpoint.substring(0, endpoint.lastIndexOf(':'));
                if (NetworkInterface.getByInetAddress(InetAddress.getByName(host)) == null) { return false; }
            }
            return true;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
