package dev.kintsugi.worker.collective;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.List;

/// The last collectives this rank entered and left, for the question "who is late, and where". Thread-safe.
public final class Journal {
    private static final int CAPACITY = 32;

    private final ArrayDeque<Entry> entries = new ArrayDeque<>(CAPACITY);
    private final List<Journal> parts;

    /// @param leftNs 0 while inside
    public record Entry(long step, long sequence, String kind, String unit, long enteredNs, long leftNs) {}

    Journal() {
        this(List.of());
    }

    private Journal(List<Journal> parts) {
        this.parts = parts;
    }

    /// What both have, in the order of time; nothing is entered in it directly.
    static Journal joint(Journal a, Journal b) {
        return new Journal(List.of(a, b));
    }

    synchronized void enter(long step, long sequence, String kind, String unit, long nowNs) {
        if (entries.size() == CAPACITY) { entries.removeFirst(); }
        entries.addLast(new Entry(step, sequence, kind, unit, nowNs, 0));
    }

    synchronized void leave(long nowNs) {
        Entry e = entries.removeLast();
        entries.addLast(new Entry(e.step, e.sequence, e.kind, e.unit, e.enteredNs, nowNs));
    }

    /// Oldest first.
    public synchronized List<Entry> snapshot() {
        if (parts.isEmpty()) { return List.copyOf(entries); }
        List<Entry> all = parts.stream().flatMap(p -> p.snapshot().stream()).sorted(Comparator.comparingLong(Entry::enteredNs)).toList();
        return all.subList(Math.max(0, all.size() - CAPACITY), all.size());
    }
}
