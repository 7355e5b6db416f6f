package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.divergence.Finding;
import dev.kintsugi.worker.divergence.Finiteness;
import dev.kintsugi.worker.divergence.Watch;
import dev.kintsugi.worker.fsdp.RoundInterpreter;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.optim.Optimizer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntConsumer;

/// Explains a step whose loss or gradient is not finite, by doing it again with every result looked at. All ranks take part.
final class Divergence {
    /// Later than all micro-batches.
    private static final int SUM = Integer.MAX_VALUE;

    private final ShardPlan plan;
    private final CollectiveGroup group;
    private final ShardBuffers state;
    private final List<MemorySegment> gradients;
    private final RoundInterpreter interpreter;
    private final Optimizer optimizer;

    Divergence(ShardPlan plan, CollectiveGroup group, ShardBuffers state, List<MemorySegment> gradients, RoundInterpreter interpreter,
            Optimizer optimizer) {
        this.plan = plan;
        this.group = group;
        this.state = state;
        this.gradients = gradients;
        this.interpreter = interpreter;
        this.optimizer = optimizer;
    }

    /// @param rounds of the step on each rank
    /// @param round runs one again, on the same samples
    /// @param updates made so far
    /// @param learningRate of the last of them
    /// @return the same on all ranks: the first bad result in the order of micro-batches, and how much the last update changed the weight it was made with
    String explain(int rounds, IntConsumer round, long updates, double learningRate) {
        var watch = new Watch();
        interpreter.watch(watch);
        for (int i = 0; i < rounds; i++) {
            watch.begin(i * group.worldSize() + group.rank());
            round.accept(i);
        }
        interpreter.end();
        interpreter.watch(null);
        Finding first = firstOfAll(watch.found() == null ? badSum() : watch.found());
        if (first == null) { return "done again, the step was finite: a processor or the memory of one of these hosts is not reliable"; }
        return "the first bad result: " + first.text() + ratio(first.parameter(), updates, learningRate);
    }

    /// Null where every sum of gradients that this rank holds is finite.
    private Finding badSum() {
        for (UnitPlan unit : plan.units()) {
            List<RowShard> shards = unit.rowShards(group.rank());
            for (int i = 0; i < shards.size(); i++) {
                Finiteness values = Finiteness.ofF32(rows(gradients.get(unit.index()), shards.get(i)));
                String name = unit.parameters().get(i).spec().name();
                if (values.isFinite()) { continue; }
                return new Finding(SUM, name, "the sum of all micro-batches' gradients of %s: %s".formatted(name, values.describe()));
            }
        }
        return null;
    }

    private Finding firstOfAll(Finding mine) {
        return group.exchange("first bad result", mine == null ? new byte[0] : mine.toBytes()).stream().filter(b -> b.length > 0).map(Finding::read)
                .min(Comparator.comparingInt(Finding::microbatch)).orElse(null);
    }

    /// How large the last update of a parameter was beside it, both as 2-norms.
    private String ratio(String parameter, long updates, double learningRate) {
        double updated = 0;
        double weights = 0;
        for (byte[] part : group.exchange("update and weight", squares(parameter, updates, learningRate))) {
            ByteBuffer buffer = ByteBuffer.wrap(part);
            updated += buffer.getDouble();
            weights += buffer.getDouble();
        }
        if (parameter.isEmpty() || updates == 0 || weights == 0 || Double.isNaN(updated)) { return ""; }       // a frozen one is nobody's
        if (!Double.isFinite(weights)) { return "; that weight is not finite itself"; }
        return "; the last update was %.2g times as large as that weight".formatted(Math.sqrt(updated / weights));
    }

    private byte[] squares(String parameter, long updates, double learningRate) {
        double updated = 0;
        double weights = 0;
        for (UnitPlan unit : plan.units()) {
            List<RowShard> shards = unit.rowShards(group.rank());
            for (int i = 0; i < shards.size(); i++) {
                if (updates == 0 || shards.get(i).rows() == 0 || !unit.parameters().get(i).spec().name().equals(parameter)) { continue; }
                updated += optimizer.squaredUpdate(state, unit.index(), i, updates, learningRate);
                weights += squared(rows(state.parameters().get(unit.index()), shards.get(i)));
            }
        }
        return ByteBuffer.allocate(2 * Double.BYTES).putDouble(updated).putDouble(weights).array();
    }

    private static double squared(MemorySegment x) {
        double sum = 0;
        for (long i = 0; i < x.byteSize() / Float.BYTES; i++) { sum += Math.pow(x.getAtIndex(ValueLayout.JAVA_FLOAT, i), 2); }
        return sum;
    }

    private static MemorySegment rows(MemorySegment unitShard, RowShard shard) {
        return unitShard.asSlice(shard.shardOffset() * Float.BYTES, shard.numel() * Float.BYTES);
    }
}
