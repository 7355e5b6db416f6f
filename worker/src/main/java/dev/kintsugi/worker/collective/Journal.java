package dev.kintsugi.worker.collective;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The last collectives this rank entered and left, for the question "who is late, and where". Thread-safe. Several may be open: what
/// has begun is left when its end has been awaited.
public final class Journal {
    private static final int CAPACITY = 32;

    // Entry i is at i mod CAPACITY of each.
    private final long[] step = new long[CAPACITY];
    private final long[] sequence = new long[CAPACITY];
    private final String[] kind = new String[CAPACITY];
    private final String[] unit = new String[CAPACITY];
    private final long[] enteredNs = new long[CAPACITY];
    private final long[] leftNs = new long[CAPACITY];
    private final List<Journal> parts;
    private long entered;

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

    synchronized void enter(long newStep, long newSequence, String newKind, String newUnit, long nowNs) {
        int at = (int) (entered++ % CAPACITY);
        step[at] = newStep;
        sequence[at] = newSequence;
        kind[at] = newKind;
        unit[at] = newUnit;
        enteredNs[at] = nowNs;
        leftNs[at] = 0;
    }

    /// Does nothing if the entry is too old to be here.
    synchronized void leave(long leftSequence, long nowNs) {
        for (long i = entered - 1; i >= Math.max(0, entered - CAPACITY); i--) {
            int at = (int) (i % CAPACITY);
            if (sequence[at] == leftSequence) {
                leftNs[at] = nowNs;
                return;
            }
        }
    }

    /// Oldest first.
    public synchronized List<Entry> snapshot() {
        if (!parts.isEmpty()) { return joint(); }
        var entries = new ArrayList<Entry>();
        for (long i = Math.max(0, entered - CAPACITY); i < entered; i++) {
            int at = (int) (i % CAPACITY);
            entries.add(new Entry(step[at], sequence[at], kind[at], unit[at], enteredNs[at], leftNs[at]));
        }
        return List.copyOf(entries);
    }

    private List<Entry> joint() {
        List<Entry> all = parts.stream().flatMap(p -> p.snapshot().stream()).sorted(Comparator.comparingLong(Entry::enteredNs)).toList();
        return all.subList(Math.max(0, all.size() - CAPACITY), all.size());
    }
}
