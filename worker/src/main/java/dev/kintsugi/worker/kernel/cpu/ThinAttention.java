package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Causal attention of few queries, one by one: what text generation does at each token. All heads of a query together, so that keys and values
/// are read once and in the order in which they lie; the scores, f32, are a row for each head. Needs none of the caller's scratch. One thread.
final class ThinAttention {
    /// With more query positions, tiles of scores pay.
    static final int QUERIES_MAX = 7;

    private final RowDots dots = new RowDots();
    private final WeightedRows weightedRows = new WeightedRows();
    private final float[] partial = new float[Lanes.SUMS];
    private float[] head = {};
    private float[] scores = {};
    private float[] sums = {};

    /// See `Kernels#attention` for the tensors.
    void forward(MemorySegment out, MemorySegment lse, MemorySegment q, MemorySegment k, MemorySegment v, AttentionShape at) {
        sums = Rows.atLeast(sums, at.queryStride());
        int needed = Rows.padded(at.S());
        // Room for twice as many as now, so that growing sequences seldom need more.
        if (head.length < needed) { head = new float[2 * needed]; }
        if (scores.length < at.H() * needed) { scores = new float[at.H() * 2 * needed]; }
        for (int b = 0; b < at.B(); b++) {
            for (int t = 0; t < at.T(); t++) { query(out, lse, q, k, v, at, b, t); }
        }
    }

    private void query(MemorySegment out, MemorySegment lse, MemorySegment q, MemorySegment k, MemorySegment v, AttentionShape at, int b, int t) {
        int first = at.first(b, t);
        int seen = at.visible(t) - first;
        int sharing = at.H() / at.G();
        long query = at.query(b, t, 0);
        long keys = at.key(b, first, 0);
        dots.take(q, query, at.D(), at.H(), at.bf16());
        dots.dots(scores, seen, k, keys, at.keyStride(), sharing, seen);
        for (int h = 0; h < at.H(); h++) { lse.set(FLOAT, at.lse(b, h, t) * 4, softmax(h * seen, seen, at.scale())); }
        weightedRows.sum(sums, scores, seen, v, keys, at.keyStride(), seen, at.H(), sharing, at.D(), at.bf16());
        Rows.write(out, query, sums, at.queryStride(), at.bf16());
    }

    /// Turns `seen` scores into probabilities; returns their log-sum-exp.
    private float softmax(int from, int seen, float scale) {
        System.arraycopy(scores, from, head, 0, seen);
        Rows.zero(head, seen, Rows.padded(seen));
        Rows.scale(head, seen, scale);
        float max = Rows.max(head, seen);
        exponentials(head, seen, max);
        Rows.zero(head, seen, Rows.padded(seen));
        float total = Rows.sum(head, seen, partial);
        Rows.scale(head, seen, 1f / total);
        System.arraycopy(head, 0, scores, from, seen);
        return (float) (max + StrictMath.log(total));
    }

    /// `x = exp(x - shift)`; what is behind the row becomes something else.
    private static void exponentials(float[] x, int n, float shift) {
        for (int i = 0; i < n; i += L) { Exp.exp(FloatVector.fromArray(F, x, i).sub(shift)).intoArray(x, i); }
    }
}
