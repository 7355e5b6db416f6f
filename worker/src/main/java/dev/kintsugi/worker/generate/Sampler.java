package dev.kintsugi.worker.generate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.memory.Bf16;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// Chooses the next token from logits. Alternatives and their order as in Transformers' `generate`: temperature, then the `topK`
/// likeliest, then the fewest of those whose probabilities reach `topP`.
sealed interface Sampler {
    /// @param logits (1, V) F32 or BF16
    /// @param position of the token to choose, from the beginning of the sequence
    int next(Tensor logits, long position);

    /// The likeliest token; of equals the one with the lowest id.
    record Greedy() implements Sampler {
        @Override
        public int next(Tensor logits, long position) {
            int best = 0;
            float greatest = Float.NEGATIVE_INFINITY;
            for (int id = 0; id < logits.numel(); id++) {
                float logit = finite(logit(logits, id));
                if (logit > greatest) {
                    greatest = logit;
                    best = id;
                }
            }
            return best;
        }
    }

    /// A random token. The random number is a pure function of seed and position: the same seed gives the same text, and no other
    /// source of randomness is asked.
    ///
    /// @param topK 0: all
    record Random(double temperature, int topK, double topP, long seed) implements Sampler {
        public Random {
            if (!(temperature > 0) || Double.isInfinite(temperature)) {
                throw new CallerException("--temperature=%s must be greater than 0; leave --do_sample out for the likeliest token"
                        .formatted(temperature));
            }
            if (topK < 0) { throw new CallerException("--top_k=%d must be at least 0, which takes all tokens".formatted(topK)); }
            if (!(topP > 0 && topP <= 1)) { throw new CallerException("--top_p=%s must be in (0, 1]".formatted(topP)); }
        }

        @Override
        public int next(Tensor logits, long position) {
            long[] likeliestFirst = sorted(logits);
            int kept = topK == 0 ? likeliestFirst.length : Math.min(topK, likeliestFirst.length);
            double[] weights = weights(logits, likeliestFirst, kept);
            double total = Arrays.stream(weights).sum();
            kept = nucleus(weights, total);
            double target = uniform(seed, position) * sum(weights, kept);
            double cumulative = 0;
            for (int i = 0; i < kept; i++) {
                cumulative += weights[i];
                if (target < cumulative) { return (int) likeliestFirst[i]; }
            }
            return (int) likeliestFirst[kept - 1];
        }

        /// Keys of all tokens, whose low halves are the ids: likeliest first, of equals the lowest id first.
        private static long[] sorted(Tensor logits) {
            long[] keys = new long[Math.toIntExact(logits.numel())];
            for (int id = 0; id < keys.length; id++) {
                int bits = Float.floatToIntBits(finite(logit(logits, id)) + 0f); // + 0: no negative zero
                int ascending = bits >= 0 ? bits : bits ^ Integer.MAX_VALUE;
                keys[id] = (long) ~ascending << 32 | id;
            }
            Arrays.sort(keys);
            return keys;
        }

        /// Not yet divided by their sum.
        private double[] weights(Tensor logits, long[] likeliestFirst, int kept) {
            double greatest = logit(logits, (int) likeliestFirst[0]);
            double[] weights = new double[kept];
            for (int i = 0; i < kept; i++) {
                weights[i] = Math.exp((logit(logits, (int) likeliestFirst[i]) - greatest) / temperature);
            }
            return weights;
        }

        private int nucleus(double[] weights, double total) {
            double cumulative = 0;
            for (int i = 0; i < weights.length; i++) {
                cumulative += weights[i];
                if (cumulative >= topP * total && topP < 1) { return i + 1; }
            }
            return weights.length;
        }

        private static double sum(double[] weights, int kept) {
            double sum = 0;
            for (int i = 0; i < kept; i++) { sum += weights[i]; }
            return sum;
        }

        /// In [0, 1): 53 bits of SplitMix64's output for (seed, position).
        private static double uniform(long seed, long position) {
            return (mix(mix(seed) + position) >>> 11) * 0x1p-53;
        }

        private static long mix(long x) {
            long z = x + 0x9E3779B97F4A7C15L;
            z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
            z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
            return z ^ z >>> 31;
        }
    }

    private static float logit(Tensor logits, int id) {
        return logits.dtype() == DType.BF16 ? Bf16.get(logits.data(), id) : logits.data().getAtIndex(ValueLayout.JAVA_FLOAT, id);
    }

    private static float finite(float logit) {
        if (!Float.isFinite(logit)) {
            throw new WorldException("not_finite", "the model computes a logit that is %s; its weights are damaged or its training diverged"
                    .formatted(logit));
        }
        return logit;
    }
}
