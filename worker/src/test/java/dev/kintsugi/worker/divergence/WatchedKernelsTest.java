package dev.kintsugi.worker.divergence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class WatchedKernelsTest {
    private final Arena arena = Arena.ofAuto();
    private final Watch watch = new Watch();
    private final Kernels kernels = new WatchedKernels(new ReferenceKernels(), watch);

    @Test
    void shouldNameTheFirstResultThatIsNotFinite() {
        Tensor x = tensor(3e38f, 1);
        Tensor y = tensor(0, 0);
        watch.begin(7);
        watch.enter("forward of model.layers.3", UnitParameters.of(new UnitSpec("none", UnitSpec.Kind.BLOCK, List.of()), Map.of(), null));
        kernels.copy(y, x);
        assertThat(watch.found()).isNull();
        kernels.add(y, x, x);
        kernels.fill(y, Double.NaN);
        assertThat(watch.found()).isEqualTo(new Finding(7, "",
                "micro-batch 7, forward of model.layers.3, addition: 1 of 2 values is not finite, the largest other is 2.00"));
    }

    @Test
    void shouldComeBackFromBytes() {
        var finding = new Finding(12, "model.norm.weight", "größer");
        assertThat(Finding.read(finding.toBytes())).isEqualTo(finding);
    }

    @Test
    void shouldCountBf16() {
        MemorySegment data = arena.allocate(6);
        data.set(ValueLayout.JAVA_SHORT, 0, (short) 0x7f80);        // infinity
        data.set(ValueLayout.JAVA_SHORT, 2, (short) 0xffc0);        // NaN
        data.set(ValueLayout.JAVA_SHORT, 4, (short) 0xc040);        // -3
        assertThat(Finiteness.of(new Tensor(data, DType.BF16, 3))).isEqualTo(new Finiteness(3, 2, 3));
    }

    private Tensor tensor(float... values) {
        MemorySegment data = arena.allocate(4L * values.length, 64);
        MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
        return new Tensor(data, DType.F32, values.length);
    }
}
