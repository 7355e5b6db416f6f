package dev.kintsugi.worker.collective;

import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.logbuffer.BufferClaim;

/// The stream to one peer. A transfer is cut into messages that are written straight into the term buffer, as many as there is
/// room for; it never blocks.
final class Outgoing {
    private final int peer;
    private final ExclusivePublication publication;
    private final GroupConfig config;
    private final Call call;
    private final int payloadBytes;
    private final BufferClaim claim = new BufferClaim();

    private Source source;
    private long total;
    private long offset;
    private boolean isDone = true;

    /// Writes bytes `[from, to)` of a transfer to the address.
    interface Source {
        void read(long from, long to, long address);
    }

    Outgoing(int peer, ExclusivePublication publication, GroupConfig config, Call call) {
        this.peer = peer;
        this.publication = publication;
        this.config = config;
        this.call = call;
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

    /// A transfer of known length. Nothing is sent if it is empty.
    void begin(long totalBytes, Source newSource) {
        begin(totalBytes, newSource, totalBytes == 0);
    }

    /// A transfer whose length the receiver learns from its first message, which is sent even if it is empty.
    void beginUnannounced(long totalBytes, Source newSource) {
        begin(totalBytes, newSource, false);
    }

    private void begin(long totalBytes, Source newSource, boolean done) {
        total = totalBytes;
        source = newSource;
        offset = 0;
        isDone = done;
    }

    boolean isDone() {
        return isDone;
    }

    /// @return messages sent
    int send(int limit) {
        int sent = 0;
        while (!isDone && sent < limit && sendOne()) { sent++; }
        return sent;
    }

    private boolean sendOne() {
        int length = (int) Math.min(payloadBytes, total - offset);
        long result = publication.tryClaim(AeronMessage.HEADER_BYTES + length, claim);
        if (result < 0) {
            checkUsable(result);
            return false;
        }
        long at = claim.buffer().addressOffset() + claim.offset();
        AeronMessage.write(at, config, call, offset, total, length);
        source.read(offset, offset + length, at + AeronMessage.HEADER_BYTES);
        claim.commit();
        offset += length;
        isDone = offset == total;
        return true;
    }

    /// Back-pressure and a peer that is not there yet are waited for; the rest is final.
    private void checkUsable(long result) {
        if (result == Publication.CLOSED || result == Publication.MAX_POSITION_EXCEEDED) {
            throw new PeerLostException("%s: the stream to rank %d was closed (%s); the media driver in %s may have ended".formatted(
                    call.describe(), peer, Publication.errorString(result), config.aeronDirectory()));
        }
    }

    String describe() {
        return "rank %d has not taken %d of %d bytes%s".formatted(peer, total - offset, total, isConnected() ? "" : " and is not connected");
    }
}
