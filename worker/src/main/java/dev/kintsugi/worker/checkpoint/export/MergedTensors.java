package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.F32Converter;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.memory.Bf16;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A base model with its adapters merged: `W + s B A`, added up in f32 and rounded once ([Hu et al. 2021](https://arxiv.org/abs/2106.09685), section 4.1).
/// What was trained as a whole takes the base's place. Of the base a few MiB are held at a time, of adapters those of one layer.
final class MergedTensors implements ExportTensors {
    private static final long RANGE_BYTES = 4 << 20;

    private final LoraConfig lora;
    private final WeightSource base;
    private final TensorStream trained;
    private final Map<String, ParameterSpec> specs = new HashMap<>();
    private final Map<String, SavedParameter> saved = new HashMap<>();
    private final List<SavedParameter> parameters;
    private final F32Converter converter = new F32Converter();

    /// @param base closed with this
    /// @param trained the checkpoint's; closed with this
    MergedTensors(ModelSpec model, LoraConfig lora, WeightSource base, TensorStream trained) {
        this.lora = lora;
        this.base = base;
        this.trained = trained;
        trained.parameters().forEach(p -> saved.put(p.name(), p));
        model.parameters().forEach(p -> specs.put(p.name(), p));
        parameters = model.parameters().stream().map(p -> saved.getOrDefault(p.name(), new SavedParameter(p.name(), p.shape(), p.rows()))).toList();
    }

    @Override
    public List<SavedParameter> parameters() {
        return parameters;
    }

    @Override
    public void forEach(SavedParameter p, ElementType type, RangeUse use) throws IOException {
        if (saved.containsKey(p.name())) {
            trained.forEach(p, type, use);
            return;
        }
        ParameterSpec spec = specs.get(p.name());
        ElementType stored = base.type(spec);
        long some = Math.clamp(RANGE_BYTES / (p.rowNumel() * Float.BYTES), 1, p.rows());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment raw = arena.allocate(some * p.rowNumel() * stored.bytes(), 64);
            MemorySegment f32 = arena.allocate(some * p.rowNumel() * Float.BYTES, 64);
            Adapter adapter = adapter(p, arena);
            for (long row = 0; row < p.rows(); row += some) {
                long count = Math.min(some, p.rows() - row);
                long numel = count * p.rowNumel();
                base.readRaw(spec, row, count, raw, 0);
                converter.convert(stored, raw.asSlice(0, numel * stored.bytes()), f32);
                if (adapter != null) { adapter.addTo(f32, row, (int) count); }
                if (type == ElementType.BF16) { Bf16.narrow(f32, 0, f32, 0, numel); }
                use.accept(f32.asSlice(0, numel * type.bytes()).asByteBuffer());
            }
        }
    }

    /// Null where the parameter has none.
    private Adapter adapter(SavedParameter p, Arena arena) {
        String layer = p.name().substring(0, p.name().lastIndexOf('.'));
        SavedParameter a = saved.get(layer + AdaptedModel.A);
        if (a == null || !p.name().equals(AdaptedModel.weightOf(a.name()))) { return null; }
        return new Adapter(trained.whole(a, arena), trained.whole(saved.get(layer + AdaptedModel.B), arena), (int) a.rows(), (int) a.rowNumel(),
                (float) lora.scale());
    }

    /// @param a (r, K)
    /// @param b (O, r)
    private record Adapter(MemorySegment a, MemorySegment b, int r, int K, float scale) {
        /// @param w rows `[firstRow, firstRow + rows)` of the weight (O, K)
        void addTo(MemorySegment w, long firstRow, int rows) {
            var sum = new float[K];
            var line = new float[K];
            for (int o = 0; o < rows; o++) {
                MemorySegment.copy(w, ValueLayout.JAVA_FLOAT, 4L * o * K, sum, 0, K);
                for (int j = 0; j < r; j++) {
                    float factor = scale * b.getAtIndex(ValueLayout.JAVA_FLOAT, (firstRow + o) * r + j);
                    MemorySegment.copy(a, ValueLayout.JAVA_FLOAT, 4L * j * K, line, 0, K);
                    add(sum, line, factor);
                }
                MemorySegment.copy(sum, 0, w, ValueLayout.JAVA_FLOAT, 4L * o * K, K);
            }
        }

        private static void add(float[] sum, float[] line, float factor) {
            for (int k = 0; k < sum.length; k++) { sum[k] += factor * line[k]; }
        }
    }

    @Override
    public ByteBuffer buffer() {
        return trained.buffer();
    }

    @Override
    public void close() {
        trained.close();
        base.close();
    }
}
