package dev.kintsugi.worker.collective;

import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.logbuffer.BufferClaim;
import java.util.ArrayDeque;

/// The stream to one peer: transfers one after another, cut into messages that are written straight into the term buffer, as many as
/// there is room for; it never blocks. Used by the pump's thread.
final class Outgoing {
    private final int peer;
    private final ExclusivePublication publication;
    private final GroupConfig config;
    private final int payloadBytes;
    private final BufferClaim claim = new BufferClaim();
    private final ArrayDeque<Sending> queue = new ArrayDeque<>();

    /// Writes bytes `[from, to)` of a transfer to the address.
    interface Source {
        void read(long from, long to, long address);
    }

    Outgoing(int peer, ExclusivePublication publication, GroupConfig config) {
        this.peer = peer;
        this.publication = publication;
        this.config = config;
        this.payloadBytes = AeronMessage.payloadBytes(publication.maxPayloadLength());
    }

    int peer() {
        return peer;
    }

    /// Bytes of payload in a full message.
    int payloadBytes() {
        return payloadBytes;
    }

    boolean isConnected() {
        return publication.isConnected();
    }

    void add(Sending sending) {
        queue.add(sending);
    }

    /// @return messages sent
    int send(int limit) {
        int sent = 0;
        while (sent < limit && !queue.isEmpty() && sendOne(queue.peek())) { sent++; }
        return sent;
    }

    private boolean sendOne(Sending sending) {
        int length = sending.next(payloadBytes);
        if (length < 0) { return false; }
        long result = publication.tryClaim(AeronMessage.HEADER_BYTES + length, claim);
        if (result < 0) {
            checkUsable(result, sending);
            return false;
        }
        long at = claim.buffer().addressOffset() + claim.offset();
        AeronMessage.write(at, config, sending.operation().call(), sending.offset(), sending.total(), length);
        sending.read(length, at + AeronMessage.HEADER_BYTES);
        claim.commit();
        sending.sent(length);
        if (sending.isSent()) {
            queue.remove();
            sending.operation().partSent();
        }
        return true;
    }

    /// Back-pressure and a peer that is not there yet are waited for; the rest is final.
    private void checkUsable(long result, Sending sending) {
        if (result == Publication.CLOSED || result == Publication.MAX_POSITION_EXCEEDED) {
            throw new PeerLostException("%s: the stream to rank %d was closed (%s); the media driver in %s may have ended".formatted(
                    sending.operation().call().describe(), peer, Publication.errorString(result), config.aeronDirectory()));
        }
    }

    /// From any thread.
    String describe(Sending sending) {
        return "rank %d has not taken %d of %d bytes%s".formatted(peer, sending.total() - sending.offset(), sending.total(),
                isConnected() ? "" : " and is not connected");
    }
}
