package dev.kintsugi.worker.collective;

import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/// Waits in the control segment until all ranks have come to a point, and says who is late when they do not.
final class ShmPeers {
    private final ShmControl control;
    private final CallLog calls;
    private final Patience patience;
    private final GroupConfig config;
    private final BooleanSupplier meanwhile;
    private final ProcessHandle[] processes;
    private final Point atBarrier;
    private long waitedNs;

    /// Something that every rank does sooner or later; asked of one rank at a time.
    interface Point {
        boolean isReached(int peer);
    }

    /// @param meanwhile what can be done for others while waiting for them, without waiting in turn; says whether it did anything
    ShmPeers(ShmControl control, CallLog calls, Patience patience, GroupConfig config, BooleanSupplier meanwhile) {
        this.control = control;
        this.calls = calls;
        this.patience = patience;
        this.config = config;
        this.meanwhile = meanwhile;
        this.processes = new ProcessHandle[config.worldSize()];
        this.atBarrier = control::hasArrived;
    }

    /// Nanoseconds spent waiting so far.
    long waitedNs() {
        return waitedNs;
    }

    /// Returns when every rank has come here.
    void barrier(Call call) {
        control.arrive();
        await(atBarrier, call);
    }

    boolean haveReached(Point point) {
        for (int peer = 0; peer < config.worldSize(); peer++) {
            if (!point.isReached(peer)) { return false; }
        }
        return true;
    }

    /// Returns when every rank has reached the point.
    ///
    /// @throws CollectiveTimeoutException if nobody enters, arrives or progresses within the timeout
    /// @throws PeerLostException if a rank that has not reached it has closed its end, or its process is gone
    void await(Point point, Call call) {
        if (!haveReached(point)) { waitFor(point, call); }
        for (int peer = 0; peer < config.worldSize(); peer++) { checkAgreement(peer, call); }
    }

    private void waitFor(Point point, Call call) {
        long sinceNs = System.nanoTime();
        long workedNs = 0;
        patience.progressed();
        long activity = control.activity();
        for (int peer = 0; peer < config.worldSize(); peer++) {
            while (!point.isReached(peer)) {
                checkAlive(peer, point, call);
                checkAgreement(peer, call);
                long now = control.activity();
                if (now != activity) { patience.progressed(); }
                activity = now;
                long beforeNs = System.nanoTime();
                if (meanwhile.getAsBoolean()) { workedNs += System.nanoTime() - beforeNs; }
                if (!patience.rest() && !point.isReached(peer)) { throw timeout(point, call); }
            }
        }
        waitedNs += System.nanoTime() - sinceNs - workedNs;
    }

    private void checkAlive(int peer, Point point, Call call) {
        if (control.isClosed(peer) && !point.isReached(peer)) {
            throw new PeerLostException("%s: rank %d has left the group".formatted(call.describe(), peer));
        }
        if (patience.worthLooking() && !isAlive(peer) && !point.isReached(peer)) {
            throw new PeerLostException(
                    "%s: the process of rank %d (pid %d) is gone; it had last entered %s".formatted(call.describe(), peer,
                            control.pid(peer), lastEntered(peer)));
        }
    }

    private boolean isAlive(int peer) {
        if (processes[peer] == null && control.pid(peer) != 0) { processes[peer] = ProcessHandle.of(control.pid(peer)).orElse(null); }
        return control.pid(peer) == 0 || processes[peer] != null && processes[peer].isAlive();
    }

    private CollectiveTimeoutException timeout(Point point, Call call) {
        int[] late = IntStream.range(0, config.worldSize()).filter(r -> !point.isReached(r)).toArray();
        var who = new StringBuilder();
        for (int r : late) {
            who.append("%s rank %d last entered %s".formatted(who.isEmpty() ? "" : ",", r, lastEntered(r)));
        }
        return new CollectiveTimeoutException(
                "%s: %.1f s late, no progress for %.1f s:%s".formatted(call.describe(), call.secondsInside(),
                        config.timeout().toMillis() / 1e3, who));
    }

    private String lastEntered(int peer) {
        long signature = control.lastSignature(peer);
        return signature == -1 ? "nothing" : calls.describe(signature);
    }

    private void checkAgreement(int peer, Call call) {
        long theirs = control.signature(peer, call.sequence());
        if (theirs != -1 && theirs != call.signature()) {
            throw new AssertionError(
                    "rank %d is in %s while rank %d is in %s: ranks must make the same calls in the same order".formatted(peer,
                            calls.describe(theirs), config.rank(), call.describe()));
        }
    }
}
