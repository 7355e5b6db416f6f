package dev.kintsugi.worker.collective;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.agrona.concurrent.OneToOneConcurrentArrayQueue;

/// A thread that sends and receives for the operations in flight while the rank computes: what there is room for and what has come, in turn.
/// Never blocks on one of them, so that back-pressure cannot become a deadlock. With nothing to do it yields, then sleeps for
/// longer and longer, up to a fifth of a millisecond: the cores are there to compute. Without operations it sleeps until there are some.
final class AeronPump implements AutoCloseable {
    private static final int OPERATIONS_MAX = 128;
    private static final int BURST = 4;         // messages to one peer before looking at the others
    private static final int YIELDS = 5;
    private static final long SLEEP_NS_MIN = 10_000;
    private static final long SLEEP_NS_MAX = 200_000;
    private static final long CLOSE_MS = 5_000;

    private final AeronStreams streams;
    private final Outgoing[] outgoing;
    private final Incoming[] sources;
    private final OneToOneConcurrentArrayQueue<AeronOperation> submitted = new OneToOneConcurrentArrayQueue<>(OPERATIONS_MAX);
    private final List<AeronOperation> active = new ArrayList<>();
    private final Thread thread;
    private volatile boolean running = true;
    private volatile long progress;
    private volatile Throwable failure;
    private volatile Thread waiter;
    private volatile AeronOperation awaited;
    private int idleRounds;

    AeronPump(AeronStreams streams) {
        this.streams = streams;
        this.outgoing = streams.outgoing().toArray(Outgoing[]::new);
        this.sources = streams.sources().toArray(Incoming[]::new);
        this.thread = Thread.ofPlatform().daemon().name("aeron-pump").start(this::run);
    }

    /// Hands the operation over until it is complete. One that moves nothing is complete already, and never the pump's.
    void submit(AeronOperation operation) {
        operation.submitted();
        if (operation.isComplete()) { return; }
        if (!submitted.offer(operation)) { throw new AssertionError("more than %d operations in flight".formatted(OPERATIONS_MAX)); }
        LockSupport.unpark(thread);
    }

    /// Changes whenever a message is sent or received.
    long progress() {
        return progress;
    }

    /// The calling thread is woken when the operation is complete.
    void wakeFor(AeronOperation operation) {
        waiter = Thread.currentThread();
        awaited = operation;
    }

    /// @throws RuntimeException what ended the pump's thread, if it has ended
    void check() {
        if (failure instanceof RuntimeException e) { throw e; }
        if (failure instanceof Error e) { throw e; }
    }

    private void run() {
        try {
            while (running) {
                int work = accept() + send() + receive();
                if (work > 0) {
                    complete();
                    idleRounds = 0;
                } else {
                    idle();
                }
            }
        } catch (RuntimeException | Error e) {
            failure = e;
            LockSupport.unpark(waiter);
        }
    }

    private int accept() {
        int accepted = 0;
        for (AeronOperation o = submitted.poll(); o != null; o = submitted.poll()) {
            active.add(o);
            for (Outgoing to : outgoing) {
                Sending sending = o.sendingTo(to.peer());
                if (sending != null) { to.add(sending); }
            }
            for (Incoming from : sources) {
                Receiving receiving = o.receivingFrom(from.peer());
                if (receiving != null) { from.add(receiving); }
            }
            accepted++;
        }
        return accepted;
    }

    private int send() {
        int sent = 0;
        for (Outgoing o : outgoing) { sent += o.send(BURST); }
        return sent;
    }

    private int receive() {
        int taken = 0;
        for (int i = 0; i < active.size(); i++) { taken += active.get(i).takeTurns(); }
        for (Incoming i : sources) { taken += i.poll(); }
        for (int i = 0; i < active.size(); i++) { taken += active.get(i).takeTurns(); }
        return taken;
    }

    private void complete() {
        long next = progress + 1;           // only this thread writes it
        progress = next;
        for (int i = active.size() - 1; i >= 0; i--) {
            AeronOperation o = active.get(i);
            if (o.isFinished()) { active.remove(i); }
            o.publish();
            if (o == awaited && o.isReceived()) { LockSupport.unpark(waiter); }
        }
    }

    private void idle() {
        idleRounds++;
        if (active.isEmpty()) {
            LockSupport.park(this);
        } else if (idleRounds <= YIELDS) {
            Thread.yield();
        } else {
            LockSupport.parkNanos(this, Math.min(SLEEP_NS_MAX, SLEEP_NS_MIN * (idleRounds - YIELDS)));
        }
    }

    /// Whoever waits looks here from time to time, on his own thread.
    ///
    /// @throws PeerLostException if a peer that the operation waits for is gone
    void checkAlive(AeronOperation operation) {
        streams.check();
        for (Incoming i : sources) {
            Receiving receiving = operation.receivingFrom(i.peer());
            if (receiving != null && isAwaited(operation, i.peer())) { i.checkAlive(operation.call(), receiving); }
        }
    }

    private static boolean isAwaited(AeronOperation operation, int peer) {
        int awaited = operation.awaited();
        return awaited < 0 || awaited == peer;
    }

    /// Who is late, in words.
    String describeLate(AeronOperation operation) {
        var who = new StringBuilder();
        for (Incoming i : sources) {
            Receiving receiving = operation.receivingFrom(i.peer());
            if (receiving != null && !receiving.isDone() && isAwaited(operation, i.peer())) { append(who, receiving.describe()); }
        }
        for (Outgoing o : outgoing) {
            Sending sending = operation.sendingTo(o.peer());
            if (sending != null && !sending.isSent()) { append(who, o.describe(sending)); }
        }
        return who.toString();
    }

    private static void append(StringBuilder who, String what) {
        who.append(who.isEmpty() ? "" : "; ").append(what);
    }

    /// Returns when the thread does not touch the streams any more.
    @Override
    public void close() {
        running = false;
        LockSupport.unpark(thread);
        try {
            thread.join(CLOSE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
