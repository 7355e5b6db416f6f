package dev.kintsugi.worker.collective;

/// One collective that this rank has entered: its (step, sequence, kind, unit). Owned by whoever waits for it, and filled anew by
/// [CallLog#enter] each time, so that steps allocate none.
///
/// The signature packs sequence, kind and unit into one long that peers can compare and, when they differ, explain.
final class Call {
    static final int UNIT_BITS = 16;
    static final int KIND_BITS = 8;
    static final int UNIT_MASK = (1 << UNIT_BITS) - 1;

    private long step;
    private long sequence = -1;
    private Kind kind;
    private String unit;
    private int unitKey;
    private long enteredNs;

    void fill(long newStep, long newSequence, Kind newKind, String newUnit, int newUnitKey, long nowNs) {
        step = newStep;
        sequence = newSequence;
        kind = newKind;
        unit = newUnit;
        unitKey = newUnitKey;
        enteredNs = nowNs;
    }

    long step() {
        return step;
    }

    long sequence() {
        return sequence;
    }

    Kind kind() {
        return kind;
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
}
