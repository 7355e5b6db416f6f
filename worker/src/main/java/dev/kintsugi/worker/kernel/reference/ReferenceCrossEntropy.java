package dev.kintsugi.worker.kernel.reference;

import java.util.Arrays;

/// Cross entropy as its definition has it: a row's loss is `logsumexp(x) - sum over v of t[v] x[v]` with `t = (1 - e) onehot + e / V`, and its gradient
/// `softmax(x) - t`.
final class ReferenceCrossEntropy {
    private ReferenceCrossEntropy() {}

    /// Returns the sum of the rows' losses and replaces logits by their scaled gradients.
    static double of(double[] logits, int[] labels, int V, double scale, double smoothing) {
        double loss = 0;
        for (int n = 0; n < labels.length; n++) { loss += row(logits, n * V, V, n, labels[n], scale, smoothing); }
        return loss;
    }

    private static double row(double[] logits, int from, int V, int n, int label, double scale, double smoothing) {
        if (label >= V) { throw new IllegalArgumentException("labels[%d]=%d; logits have %d columns".formatted(n, label, V)); }
        if (label < 0) {
            Arrays.fill(logits, from, from + V, 0);
            return 0;
        }
        double max = Arrays.stream(logits, from, from + V).max().orElseThrow();
        double sum = 0;
        double total = 0;
        for (int v = from; v < from + V; v++) {
            sum += Math.exp(logits[v] - max);
            total += logits[v];
        }
        double logSumExp = max + Math.log(sum);
        double loss = logSumExp - (1 - smoothing) * logits[from + label] - smoothing * total / V;
        for (int v = from; v < from + V; v++) { logits[v] = (Math.exp(logits[v] - logSumExp) - smoothing / V) * scale; }
        logits[from + label] -= (1 - smoothing) * scale;
        return loss;
    }
}
