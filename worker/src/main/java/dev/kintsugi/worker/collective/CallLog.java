package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.HashMap;
import java.util.Map;

/// Numbers the collectives that this rank enters, keeps the journal of the last ones, and has words for those of others.
final class CallLog {
    private final Journal journal = new Journal();
    private final Map<Integer, String> unitNames = new HashMap<>();

    private long step;
    private long sequence = -1;

    void enterStep(long newStep) {
        step = newStep;
    }

    /// A call on a unit of the plan.
    Call enter(Call call, Kind kind, UnitPlan unit) {
        return enter(call, kind, unit.name(), unit.index() & Call.UNIT_MASK);
    }

    /// A call that has a name but no unit. Its key comes from the name, so that ranks that disagree find out.
    Call enter(Call call, Kind kind, String name) {
        return enter(call, kind, name, (name.hashCode() | 1 << (Call.UNIT_BITS - 1)) & Call.UNIT_MASK);
    }

    private Call enter(Call call, Kind kind, String unit, int unitKey) {
        sequence++;
        unitNames.putIfAbsent(unitKey, unit);
        long nowNs = System.nanoTime();
        call.fill(step, sequence, kind, unit, unitKey, nowNs);
        journal.enter(step, sequence, kind.label(), unit, nowNs);
        return call;
    }

    void leave(Call call) {
        journal.leave(call.sequence(), System.nanoTime());
    }

    Journal journal() {
        return journal;
    }

    /// `reduce-scatter model.layers.4 (sequence=343)`
    String describe(long signature) {
        int key = (int) signature & Call.UNIT_MASK;
        Kind kind = Kind.of((int) (signature >>> Call.UNIT_BITS) & ((1 << Call.KIND_BITS) - 1));
        return describe(kind, key, signature >>> (Call.UNIT_BITS + Call.KIND_BITS));
    }

    String describe(Kind kind, int key, long theirSequence) {
        return "%s %s (sequence=%d)".formatted(kind.label(), unitNames.getOrDefault(key, "unit " + key), theirSequence);
    }
}
