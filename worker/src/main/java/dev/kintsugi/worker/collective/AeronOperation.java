package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.schedule.ReduceTurns;
import dev.kintsugi.worker.collective.Incoming.Sink;
import dev.kintsugi.worker.collective.Outgoing.Source;

/// One collective in flight over the streams: what it sends to and receives from each peer. The rank's thread fills it and hands it to the
/// pump; it is the rank's again when all of it is received and sent.
final class AeronOperation {
    private static final int NOBODY = -1;

    private final int rank;
    private final Call call = new Call();
    private final Sending[] sendings;               // by peer
    private final Receiving[] receivings;
    private final ReduceTurns turns;
    private final boolean[] sends;
    private final boolean[] receives;
    private Sink own;
    private boolean inTurns;
    private int sendsLeft;                          // the pump's, from submission to publication
    private int receivesLeft;
    private volatile boolean isSent = true;
    private volatile boolean isReceived = true;

    AeronOperation(int rank, int worldSize, long windowBytes) {
        this.rank = rank;
        turns = new ReduceTurns(worldSize, windowBytes);
        sendings = new Sending[worldSize];
        receivings = new Receiving[worldSize];
        sends = new boolean[worldSize];
        receives = new boolean[worldSize];
        for (int peer = 0; peer < worldSize; peer++) {
            sendings[peer] = new Sending(this);
            receivings[peer] = new Receiving(this, peer);
        }
    }

    Call call() {
        return call;
    }

    /// Forgets the operation before, which must be complete.
    void begin() {
        if (!isComplete()) { throw new AssertionError("still in flight: " + call.describe()); }
        java.util.Arrays.fill(sends, false);
        java.util.Arrays.fill(receives, false);
        inTurns = false;
        sendsLeft = 0;
        receivesLeft = 0;
    }

    /// Nothing is sent if it is empty.
    ///
    /// @param available bytes that are there already; see [#makeAvailable]
    void send(int peer, long total, Source source, long available) {
        if (total > 0) { sendEvenIfEmpty(peer, total, source, available); }
    }

    void sendEvenIfEmpty(int peer, long total, Source source, long available) {
        sendings[peer].begin(total, source, available);
        sends[peer] = true;
        sendsLeft++;
    }

    void receive(int peer, long total, Sink sink) {
        if (total > 0) { begin(peer, total, sink, total); }
    }

    private void begin(int peer, long total, Sink sink, long allowed) {
        receivings[peer].begin(total, sink, allowed);
        receives[peer] = true;
        receivesLeft++;
    }

    void receiveUnannounced(int peer, Sink sink) {
        receivings[peer].beginUnannounced(sink);
        receives[peer] = true;
        receivesLeft++;
    }

    /// Contributions of all ranks, each of `total` bytes, come window by window in rank order.
    ///
    /// @param sinks by rank; this rank's own takes its window when its turn has come
    void receiveInTurns(long total, Sink[] sinks) {
        turns.begin(total);
        if (total == 0) { return; }
        inTurns = true;
        own = sinks[rank];
        receivesLeft++;                             // the turns themselves
        for (int peer = 0; peer < sinks.length; peer++) {
            if (peer != rank) { begin(peer, total, sinks[peer], 0); }
        }
    }

    /// Handed over.
    void submitted() {
        isSent = sendsLeft == 0;
        isReceived = receivesLeft == 0;
    }

    /// Bytes up to here may be sent to all peers.
    void makeAvailable(long bytes) {
        for (Sending s : sendings) { s.makeAvailable(bytes); }
    }

    /// Null if this operation has nothing for the peer.
    Sending sendingTo(int peer) {
        return sends[peer] ? sendings[peer] : null;
    }

    /// Null if this operation wants nothing of the peer.
    Receiving receivingFrom(int peer) {
        return receives[peer] ? receivings[peer] : null;
    }

    /// Does the turns whose contribution is there.
    ///
    /// @return how many
    int takeTurns() {
        int done = 0;
        while (inTurns && !turns.isDone()) {
            if (turns.source() == rank) {
                own.accept(turns.from(), turns.to(), 0);
            } else {
                Receiving source = receivings[turns.source()];
                source.allow(turns.to());
                if (source.offset() < turns.to()) { return done; }
            }
            turns.next();
            done++;
        }
        if (inTurns) {
            inTurns = false;
            partReceived();
        }
        return done;
    }

    void partSent() {
        sendsLeft--;
    }

    void partReceived() {
        receivesLeft--;
    }

    boolean isFinished() {
        return sendsLeft == 0 && receivesLeft == 0;
    }

    /// Tells the rank's thread how far the operation is. When it is complete that thread may use it anew at once, so the pump must have
    /// forgotten it before, and looks at nothing after the last of the two.
    void publish() {
        boolean newlyReceived = receivesLeft == 0 && !isReceived;
        boolean newlySent = sendsLeft == 0 && !isSent;
        if (newlyReceived) { isReceived = true; }
        if (newlySent) { isSent = true; }
    }

    boolean isSent() {
        return isSent;
    }

    boolean isReceived() {
        return isReceived;
    }

    boolean isComplete() {
        return isSent && isReceived;
    }

    /// The only peer that is waited for, or -1 if any may come. From any thread, so it may be a moment old.
    int awaited() {
        return inTurns && !turns.isDone() ? turns.source() : NOBODY;
    }
}
