package dev.kintsugi.worker.collective;

import java.util.stream.IntStream;

/// Waits in the control segment until all ranks have arrived, and says who is late when they do not.
final class ShmBarrier {
    private final ShmControl control;
    private final CallLog calls;
    private final Patience patience;
    private final GroupConfig config;
    private final ProcessHandle[] peers;

    ShmBarrier(ShmControl control, CallLog calls, Patience patience, GroupConfig config) {
        this.control = control;
        this.calls = calls;
        this.patience = patience;
        this.config = config;
        this.peers = new ProcessHandle[config.worldSize()];
    }

    /// Returns when every rank has come here.
    ///
    /// @throws CollectiveTimeoutException if nobody arrives or progresses within the timeout
    /// @throws PeerLostException if a rank that has not arrived has closed its end, or its process is gone
    void await() {
        control.arrive(calls.signature());
        patience.progressed();
        long activity = control.activity();
        for (int peer = 0; peer < config.worldSize(); peer++) {
            while (!control.hasArrived(peer)) {
                checkAlive(peer);
                long now = control.activity();
                if (now != activity) { patience.progressed(); }
                activity = now;
                if (!patience.rest() && !control.hasArrived(peer)) { throw timeout(); }
            }
            if (control.signatureHere(peer) != calls.signature()) { throw mismatch(peer); }
        }
    }

    private void checkAlive(int peer) {
        if (control.isClosed(peer) && !control.hasArrived(peer)) {
            throw new PeerLostException("%s: rank %d has left the group".formatted(calls.describe(), peer));
        }
        if (patience.worthLooking() && !isAlive(peer) && !control.hasArrived(peer)) {
            throw new PeerLostException(
                    "%s: the process of rank %d (pid %d) is gone; it had last entered %s".formatted(calls.describe(), peer,
                            control.pid(peer), lastEntered(peer)));
        }
    }

    private boolean isAlive(int peer) {
        if (peers[peer] == null && control.pid(peer) != 0) { peers[peer] = ProcessHandle.of(control.pid(peer)).orElse(null); }
        return control.pid(peer) == 0 || peers[peer] != null && peers[peer].isAlive();
    }

    private CollectiveTimeoutException timeout() {
        int[] late = IntStream.range(0, config.worldSize()).filter(r -> !control.hasArrived(r)).toArray();
        var who = new StringBuilder();
        for (int r : late) {
            who.append("%s rank %d last entered %s".formatted(who.isEmpty() ? "" : ",", r, lastEntered(r)));
        }
        return new CollectiveTimeoutException(
                "%s: %.1f s late, no progress for %.1f s:%s".formatted(calls.describe(), calls.secondsInside(),
                        config.timeout().toMillis() / 1e3, who));
    }

    private String lastEntered(int peer) {
        long signature = control.lastSignature(peer);
        return signature == -1 ? "nothing" : calls.describe(signature);
    }

    private AssertionError mismatch(int peer) {
        return new AssertionError(
                "rank %d is in %s while rank %d is in %s: ranks must make the same calls in the same order".formatted(peer,
                        calls.describe(control.signatureHere(peer)), config.rank(), calls.describe()));
    }
}
