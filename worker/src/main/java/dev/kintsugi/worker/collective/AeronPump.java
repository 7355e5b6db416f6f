package dev.kintsugi.worker.collective;

import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;

/// Drives the transfers of one call: sends what there is room for and takes what has come, in turn, until both are complete.
/// Never blocks on one of them, so that back-pressure cannot become a deadlock.
final class AeronPump {
    private static final int BURST = 16;        // messages to one peer before looking at the others
    private static final int NOBODY = -1;

    private final AeronStreams streams;
    private final Call call;
    private final Patience patience;
    private final Incoming[] sources;
    private BooleanSupplier elsewhere = () -> false;

    AeronPump(AeronStreams streams, Call call, Patience patience) {
        this.streams = streams;
        this.call = call;
        this.patience = patience;
        this.sources = streams.sources().toArray(Incoming[]::new);
    }

    /// @param other what to do when there is nothing to do here; says whether it did anything
    void whileWaiting(BooleanSupplier other) {
        elsewhere = other;
    }

    /// Takes from all peers as it comes.
    void run() {
        run(this::receive, this::isReceived, () -> NOBODY);
    }

    /// @param receive takes what it can and says how much
    /// @param isReceived whether there is nothing left to take
    /// @param awaited the peer that `receive` waits for, or [#NOBODY] for any
    void run(IntSupplier receive, BooleanSupplier isReceived, IntSupplier awaited) {
        patience.progressed();
        while (true) {
            int work = send() + receive.getAsInt();
            boolean received = isReceived.getAsBoolean();
            if (received && isSent()) { return; }
            if (work > 0) {
                patience.progressed();
                continue;
            }
            boolean worked = elsewhere.getAsBoolean();
            if (patience.worthLooking()) { checkAlive(awaited.getAsInt()); }
            if (!worked && !patience.rest()) { throw timeout(received, awaited.getAsInt()); }
        }
    }

    private int send() {
        int sent = 0;
        for (Outgoing o : streams.outgoing()) { sent += o.send(BURST); }
        return sent;
    }

    private boolean isSent() {
        for (Outgoing o : streams.outgoing()) {
            if (!o.isDone()) { return false; }
        }
        return true;
    }

    private int receive() {
        int taken = 0;
        for (Incoming i : sources) { taken += i.poll(); }
        return taken;
    }

    private boolean isReceived() {
        for (Incoming i : sources) {
            if (!i.isDone()) { return false; }
        }
        return true;
    }

    private void checkAlive(int awaited) {
        streams.check();
        for (Incoming i : sources) {
            if (!i.isDone() && (awaited == NOBODY || awaited == i.peer())) { i.checkAlive(); }
        }
    }

    private CollectiveTimeoutException timeout(boolean received, int awaited) {
        var who = new StringBuilder();
        for (Incoming i : sources) {
            if (!received && !i.isDone() && (awaited == NOBODY || awaited == i.peer())) { append(who, i.describe()); }
        }
        for (Outgoing o : streams.outgoing()) {
            if (!o.isDone()) { append(who, o.describe()); }
        }
        return new CollectiveTimeoutException("%s: %.1f s late, no progress for %.1f s: %s".formatted(call.describe(), call.secondsInside(),
                patience.timeoutSeconds(), who));
    }

    private static void append(StringBuilder who, String what) {
        who.append(who.isEmpty() ? "" : "; ").append(what);
    }
}
