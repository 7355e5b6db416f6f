package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.collective.ShmPeers.Point;

/// How far every rank is with one shared buffer. Each use of it passes two points on every rank: *offered*, when the rank's rows or its
/// gradient are there to be read, and *finished*, when it will not look at the buffer's content any more. What a use leaves is
/// overwritten only when all ranks have finished it, which is all the synchronisation that a collective needs.
final class ShmUses {
    private final ShmControl control;
    private final ShmPeers peers;
    private final int buffer;
    private final Point offered = this::hasOffered;
    private final Point finished = this::hasFinished;
    private long use;
    private long finishedUse;

    /// @param buffer a number that all ranks give this buffer
    ShmUses(ShmControl control, ShmPeers peers, int buffer) {
        if (buffer >= ShmControl.BUFFERS_MAX) {
            throw new IllegalArgumentException("a group has at most %d buffers".formatted(ShmControl.BUFFERS_MAX));
        }
        this.control = control;
        this.peers = peers;
        this.buffer = buffer;
    }

    private boolean hasOffered(int peer) {
        return control.offered(peer, buffer) >= use;
    }

    private boolean hasFinished(int peer) {
        return control.finished(peer, buffer) >= use;
    }

    /// The next use begins.
    void next() {
        use++;
    }

    void offer() {
        control.offer(buffer, use);
    }

    boolean allHaveOffered() {
        return peers.haveReached(offered);
    }

    void awaitOffers(Call call) {
        peers.await(offered, call);
    }

    void finish() {
        if (finishedUse == use) { return; }
        finishedUse = use;
        control.finish(buffer, use);
    }

    boolean allHaveFinished() {
        return peers.haveReached(finished);
    }

    void awaitFinishes(Call call) {
        if (use > 0) { peers.await(finished, call); }
    }
}
