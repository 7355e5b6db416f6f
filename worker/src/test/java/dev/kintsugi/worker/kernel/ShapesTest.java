package dev.kintsugi.worker.kernel;

import static dev.kintsugi.worker.kernel.AttentionMask.CAUSAL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What both f32 devices refuse, and how they say it.
class ShapesTest {
    private final StepArena arena = StepArena.meta();

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "meta"})
    void shouldNameTheTensorAndBothShapes(String device) {
        Kernels kernels = KernelFactory.open(device, 1);
        assertThatThrownBy(() -> kernels.linear(f32(4, 5), f32(4, 3), f32(6, 3), null))
                .isInstanceOf(IllegalArgumentException.class).hasMessage("y is F32[4, 5]; it must be F32[4, 6]");
        assertThatThrownBy(() -> kernels.rmsNorm(f32(4, 3), f32(3), f32(4, 3), f32(3), 1e-5))
                .hasMessage("rstd is F32[3]; it must be F32[4]");
        assertThatThrownBy(() -> kernels.embedding(f32(4, 3), f32(4), f32(9, 3)))
                .hasMessage("ids is F32[4]; it must be I32[4]");
        assertThatThrownBy(() -> kernels.rotary(f32(1, 4, 2, 8), f32(6, 4), f32(6, 4), 3, false))
                .hasMessage("firstPosition=3 with T=4 needs rows to 7; cos has P=6");
        assertThatThrownBy(() -> kernels.attention(f32(1, 4, 3, 8), f32(1, 3, 4), f32(1, 4, 3, 8), f32(1, 4, 2, 8), f32(1, 4, 2, 8), CAUSAL, null))
                .hasMessageContaining("H must be a multiple of G");
        assertThatThrownBy(() -> kernels.attention(f32(1, 4, 2, 8), f32(1, 2, 4), f32(1, 4, 2, 8), f32(1, 4, 2, 8), f32(1, 4, 2, 8), CAUSAL, f32(1)))
                .hasMessageContaining("scratch is F32[1]; it must be F32 of at least numel=");
        assertThatThrownBy(() -> kernels.adamw(f32(4), f32(4), f32(5), f32(4), new Kernels.AdamW(1, 0, 0, 0, 0, 1, 1, 1)))
                .hasMessage("v is F32[5] but p is F32[4]; they must have equal numel");
    }

    @Test
    void shouldTouchNoMemoryOnMeta() {
        Kernels meta = KernelFactory.open("meta", 1);
        meta.linear(f32(4, 6), f32(4, 3), f32(6, 3), f32(6));
        meta.attentionBackward(f32(1, 4, 2, 8), f32(1, 4, 1, 8), f32(1, 4, 1, 8), f32(1, 4, 2, 8), f32(1, 4, 2, 8), f32(1, 2, 4),
                f32(1, 4, 2, 8), f32(1, 4, 1, 8), f32(1, 4, 1, 8), CAUSAL, f32(meta.attentionScratchNumel(1, 4, 4, 2, 1, 8)));
        assertThat(meta.crossEntropy(f32(4, 9), arena.allocate(DType.I32, 4), 1, true)).isZero();
    }

    @Test
    void shouldRefuseAnIdOutsideTheVocabulary() {
        try (Arena memory = Arena.ofConfined()) {
            Tensor ids = new Tensor(memory.allocate(8), DType.I32, 2);
            ids.data().set(ValueLayout.JAVA_INT, 4, 9);
            Tensor w = new Tensor(memory.allocate(9 * 3 * 4), DType.F32, 9, 3);
            Tensor y = new Tensor(memory.allocate(2 * 3 * 4), DType.F32, 2, 3);
            assertThatThrownBy(() -> KernelFactory.open("cpu", 1).embedding(y, ids, w)).hasMessage("ids[1]=9 is not in the vocabulary; V=9");
        }
    }

    @Test
    void shouldNameTheDevicesWhenThereIsNoSuchOne() {
        assertThatThrownBy(() -> KernelFactory.open("tpu", 1)).isInstanceOf(CallerException.class)
                .hasMessage("device=tpu is unknown; choose cpu, meta or reference");
    }

    private Tensor f32(long... shape) {
        return arena.allocate(DType.F32, shape);
    }
}
