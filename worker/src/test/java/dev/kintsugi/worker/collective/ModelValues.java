package dev.kintsugi.worker.collective;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// What tests fill units with, and what they expect of them. A salt tells apart fillings.
final class ModelValues {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

    private ModelValues() {}

    /// A value for each element of the model, whoever holds it: large and small ones, so that the order of additions shows.
    private static float value(long salt, UnitPlan unit, int parameter, long element) {
        long h = (salt * 0x9e3779b97f4a7c15L + unit.index() * 1000L + parameter) * 0xbf58476d1ce4e5b9L
                + element * 0x94d049bb133111ebL;
        h ^= h >>> 29;
        h *= 0xbf58476d1ce4e5b9L;
        return (float) Math.scalb((double) (int) (h >>> 32), -31 + (int) (h & 15));
    }

    static void fillShard(UnitPlan unit, int rank, long salt, MemorySegment shard) {
        long at = 0;
        for (int p = 0; p < unit.parameters().size(); p++) {
            ParameterPlan parameter = unit.parameters().get(p);
            long first = parameter.firstRow(rank) * parameter.spec().rowNumel();
            long numel = parameter.rows(rank) * parameter.spec().rowNumel();
            for (long e = first; e < first + numel; e++) {
                shard.setAtIndex(F32, at++, value(salt, unit, p, e));
            }
        }
    }

    static void fillUnsharded(UnitPlan unit, long salt, MemorySegment unsharded) {
        for (int p = 0; p < unit.parameters().size(); p++) {
            ParameterPlan parameter = unit.parameters().get(p);
            for (long e = 0; e < parameter.spec().numel(); e++) {
                unsharded.setAtIndex(F32, parameter.unshardedOffset() + e, value(salt, unit, p, e));
            }
        }
    }

    static void assertUnsharded(UnitPlan unit, long salt, GatherBuffer unsharded) {
        boolean bf16 = unsharded.dtype() == DType.BF16;
        for (int p = 0; p < unit.parameters().size(); p++) {
            ParameterPlan parameter = unit.parameters().get(p);
            for (long e = 0; e < parameter.spec().numel(); e++) {
                long at = parameter.unshardedOffset() + e;
                float actual = bf16 ? Bf16.get(unsharded.segment(), at) : unsharded.segment().getAtIndex(F32, at);
                float value = value(salt, unit, p, e);
                float expected = bf16 ? Float.intBitsToFloat(Bf16.bits(value) << 16) : value;
                if (Float.floatToRawIntBits(actual) != Float.floatToRawIntBits(expected)) {
                    throw new AssertionError("%s[%d] of %s: %s instead of %s".formatted(parameter.spec().name(), e, unit.name(),
                            actual, expected));
                }
            }
        }
    }

    static void assertChain(UnitPlan unit, int rank, int microbatches, long seed, float[] actual) {
        long at = 0;
        for (int p = 0; p < unit.parameters().size(); p++) {
            ParameterPlan parameter = unit.parameters().get(p);
            long first = parameter.firstRow(rank) * parameter.spec().rowNumel();
            long numel = parameter.rows(rank) * parameter.spec().rowNumel();
            for (long e = first; e < first + numel; e++) {
                float sum = 0;
                for (int m = 0; m < microbatches; m++) {
                    sum += value(seed + m, unit, p, e);
                }
                assertThat(Float.floatToRawIntBits(actual[(int) at++])).as("%s[%d]", parameter.spec().name(), e)
                        .isEqualTo(Float.floatToRawIntBits(sum));
            }
        }
    }
}
