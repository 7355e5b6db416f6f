package dev.kintsugi.worker.optim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.checkpoint.SavedModel;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class AdamWOptimizerTest {
    /// What a save in the background rests on.
    @Test
    void shouldAnnounceEachUnitBeforeItChangesAnyOfIt() {
        SavedModel model = SavedModel.wide(3, 1000);
        ShardPlan plan = model.plan(2);
        ShardBuffers state = model.empty(plan, 1);
        List<MemorySegment> gradients = model.empty(plan, 1).parameters();
        gradients.forEach(g -> fill(g, 1));
        var announced = new ArrayList<Integer>();
        var optimizer = new AdamWOptimizer(new ReferenceKernels(), new OptimizerSettings.AdamW(0.9, 0.95, 1e-8, 0.1));
        optimizer.update(state, gradients, new Optimizer.Update(1, 1e-2, 1, 1), unit -> {
            announced.add(unit);
            for (int u = 0; u < plan.units().size(); u++) { assertThat(changed(state, u)).as("unit %d", u).isEqualTo(u < unit); }
        });
        assertThat(announced).containsExactly(0, 1, 2);
        assertThat(changed(state, 2)).isTrue();
    }

    private static void fill(MemorySegment floats, float value) {
        for (long i = 0; i < floats.byteSize() / Float.BYTES; i++) { floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, value); }
    }

    /// All of it began as zeros; says whether none or all three kinds are other now.
    private static boolean changed(ShardBuffers state, int unit) {
        List<Boolean> changed = Stream.of(state.parameters(), state.slots().get(0), state.slots().get(1))
                .map(kind -> kind.get(unit).getAtIndex(ValueLayout.JAVA_INT, 7) != 0).toList();
        assertThat(changed.stream().distinct()).hasSize(1);
        return changed.getFirst();
    }
}
