package dev.kintsugi.worker.collective;

import java.util.HashMap;
import java.util.Map;

/// Which collective this rank is in: its (step, sequence, kind, unit), the journal of those before it, and the words for both.
///
/// The signature packs sequence, kind and unit into one long that peers can compare and, when they differ, explain.
final class CallLog {
    private static final int UNIT_BITS = 16;
    private static final int KIND_BITS = 8;
    private static final int UNIT_MASK = (1 << UNIT_BITS) - 1;

    private final Journal journal = new Journal();
    private final Map<Integer, String> unitNames = new HashMap<>();

    private long step;
    private long sequence = -1;
    private Kind kind;
    private String unit;
    private int unitKey;
    private long enteredNs;

    void enterStep(long newStep) {
        step = newStep;
    }

    /// A call on a unit of the plan.
    void enter(Kind newKind, String newUnit, int unitIndex) {
        kind = newKind;
        unit = newUnit;
        unitKey = unitIndex & UNIT_MASK;
        sequence++;
        unitNames.putIfAbsent(unitKey, newUnit);
        enteredNs = System.nanoTime();
        journal.enter(step, sequence, kind.label(), unit, enteredNs);
    }

    /// A call that has a name but no unit. Its key comes from the name, so that ranks that disagree find out.
    void enter(Kind newKind, String name) {
        enter(newKind, name, name.hashCode() | 1 << (UNIT_BITS - 1));
    }

    void leave() {
        journal.leave(System.nanoTime());
    }

    Journal journal() {
        return journal;
    }

    Kind kind() {
        return kind;
    }

    long step() {
        return step;
    }

    long sequence() {
        return sequence;
    }

    int unitKey() {
        return unitKey;
    }

    double secondsInside() {
        return (System.nanoTime() - enteredNs) / 1e9;
    }

    long signature() {
        return sequence << (UNIT_BITS + KIND_BITS) | (long) kind.ordinal() << UNIT_BITS | unitKey;
    }

    /// `all-gather model.layers.3 (step=12 sequence=345)`
    String describe() {
        return "%s %s (step=%d sequence=%d)".formatted(kind.label(), unit, step, sequence);
    }

    /// `reduce-scatter model.layers.4 (sequence=343)`
    String describe(long signature) {
        int key = (int) signature & UNIT_MASK;
        Kind theirs = Kind.of((int) (signature >>> UNIT_BITS) & ((1 << KIND_BITS) - 1));
        return describe(theirs, key, signature >>> (UNIT_BITS + KIND_BITS));
    }

    String describe(Kind theirs, int key, long theirSequence) {
        return "%s %s (sequence=%d)".formatted(theirs.label(), unitNames.getOrDefault(key, "unit " + key), theirSequence);
    }
}
