package dev.kintsugi.worker.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TapeTest {
    private final Kernels kernels = new ReferenceKernels();
    private final StepArena arena = StepArena.ofBytes(1 << 16);
    private final Tape tape = new Tape(kernels, arena, true);

    @AfterEach
    void close() {
        arena.close();
    }

    @Test
    void shouldKeepTheResidualStreamsGradientInOneTensor() {
        Variable x = Variable.of(matrix(1, 2, 3, 4));
        Parameter w = parameter(matrix(1, 0, 0, 2));
        Variable y = tape.addResidual(x, normLinear(x, parameter(vector(1, 1)), w));
        Tensor dStream = matrix(1, 1, 1, 1);
        y.setGrad(dStream);
        tape.backward(y);
        assertThat(x.grad().data().address()).isEqualTo(dStream.data().address());
        assertThat(values(w.grad())).isNotEqualTo(new double[4]);
    }

    /// y = x + 2x = 3x, so dx = 3 dy: a tensor shared too early would be added to before it is read.
    @Test
    void shouldAddBothPathsOfAResidual() {
        Variable x = Variable.of(matrix(1, 2, 3, 4));
        Variable y = tape.addResidual(x, tape.linear(x, layer(matrix(2, 0, 0, 2))));
        assertThat(values(y.data())).containsExactly(3, 6, 9, 12);
        y.setGrad(matrix(1, 10, 100, 1000));
        tape.backward(y);
        assertThat(values(x.grad())).containsExactly(3, 30, 300, 3000);
    }

    @Test
    void shouldAddGradientsOfAValueUsedByTwoLinears() {
        Variable x = Variable.of(matrix(1, 2, 3, 4));
        Variable gate = tape.linear(x, layer(matrix(1, 0, 0, 1)));
        Variable up = tape.linear(x, layer(matrix(1, 0, 0, 1)));
        Variable y = tape.swigluLinear(matrix(0, 0, 0, 0), gate, up, layer(matrix(1, 0, 0, 1)), true);
        y.setGrad(matrix(1, 1, 1, 1));
        tape.backward(y);
        double s = 1 / (1 + Math.exp(-1));
        // d(x * x s(x)) = 2 x s + x^2 s (1 - s), at x = 1.
        assertThat(values(x.grad())[0]).isCloseTo(2 * s + s * (1 - s), within(1e-12));
    }

    @Test
    void shouldFreeGradientsOfIntermediatesAsItGoes() {
        Variable x = Variable.of(matrix(1, 2, 3, 4));
        Variable y = tape.linear(tape.linear(tape.linear(x, layer(matrix(1, 0, 0, 1))), layer(matrix(1, 0, 0, 1))),
                layer(matrix(1, 0, 0, 1)));
        y.setGrad(matrix(1, 1, 1, 1));
        x.setGrad(matrix(0, 0, 0, 0));
        long mark = arena.mark();
        tape.backward(y);
        assertThat(arena.mark()).as("the first intermediate's gradient lies below the second's, so only the second's is freed")
                .isEqualTo(mark + StepArena.ALIGNMENT);
        assertThat(arena.highWaterBytes()).isEqualTo(mark + 2 * StepArena.ALIGNMENT);
    }

    @Test
    void shouldLeaveFrozenParametersWithoutGradient() {
        Variable x = Variable.of(matrix(1, 2, 3, 4));
        var frozen = new Parameter("w", matrix(2, 0, 0, 2), null);
        Variable y = normLinear(x, new Parameter("gain", vector(1, 1), null), frozen);
        y.setGrad(matrix(1, 1, 1, 1));
        tape.backward(y);
        assertThat(frozen.grad()).isNull();
        assertThat(x.grad()).isNotNull();
    }

    @Test
    void shouldRefuseMisuse() {
        Variable x = Variable.of(matrix(1, 2, 3, 4));
        Variable branch = tape.linear(x, layer(matrix(1, 0, 0, 1)));
        Variable other = tape.linear(x, layer(matrix(1, 0, 0, 1)));
        assertThatThrownBy(() -> tape.addResidual(x, branch)).hasMessageContaining("not the output of the operation just before");
        assertThatThrownBy(() -> tape.backward(other)).hasMessageContaining("no gradient");
        assertThatThrownBy(() -> x.setGrad(vector(1, 1))).hasMessageContaining("gradient F64[2] of a variable F64[2, 2]");
        assertThatThrownBy(() -> new Tape(kernels, arena, false).backward(x)).isInstanceOf(IllegalArgumentException.class);
    }

    private Variable normLinear(Variable x, Parameter gain, Parameter w) {
        return tape.normLinear(x, new Norm.Rms(gain, 0), false, List.of(new Tape.Projection(matrix(0, 0, 0, 0), new Linear(w, null, null)))).getFirst();
    }

    private Tensor matrix(double... values) {
        return vector(values).reshape(2, 2);
    }

    private Tensor vector(double... values) {
        Tensor t = arena.allocate(DType.F64, values.length);
        for (int i = 0; i < values.length; i++) { t.data().setAtIndex(ValueLayout.JAVA_DOUBLE, i, values[i]); }
        return t;
    }

    private Linear layer(Tensor w) {
        return new Linear(parameter(w), null, null);
    }

    private Parameter parameter(Tensor data) {
        Tensor grad = arena.allocate(data.dtype(), data.shape());
        kernels.fill(grad, 0);
        return new Parameter("w", data, grad);
    }

    private static double[] values(Tensor t) {
        return t.data().toArray(ValueLayout.JAVA_DOUBLE);
    }
}
