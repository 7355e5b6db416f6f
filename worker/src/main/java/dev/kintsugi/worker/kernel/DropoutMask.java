package dev.kintsugi.worker.kernel;

/// Which elements dropout keeps: a pure function of a key and the element's index, so a mask is never stored, is the same in a pass that is made again, and
/// does not depend on who computes it. Element i of key k takes output i of SplitMix64 started at k.
///
/// @see <a href="https://jmlr.org/papers/v15/srivastava14a.html">Srivastava et al. 2014</a>, in its form that scales what is kept by 1 / (1 - p)
///
/// @param probability p that an element is dropped, in [0, 1)
/// @param key of this use of dropout
public record DropoutMask(double probability, long key) {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    public DropoutMask {
        if (!(probability >= 0 && probability < 1)) { throw new IllegalArgumentException("probability=%s; must be in [0, 1)".formatted(probability)); }
    }

    /// What element `index` is multiplied by: 0, or 1 / (1 - p).
    public double factor(long index) {
        return keeps(index) ? 1 / (1 - probability) : 0;
    }

    public boolean keeps(long index) {
        return (mix(key + (index + 1) * GOLDEN) >>> 11) * 0x1p-53 >= probability;
    }

    /// A key from two others.
    public static long key(long a, long b) {
        return mix(mix(a + GOLDEN) ^ (b * GOLDEN + 1));
    }

    /// SplitMix64's finalizer.
    ///
    /// @see <a href="https://doi.org/10.1145/2660193.2660195">Steele, Lea and Flood 2014, figure 17</a>
    private static long mix(long z) {
        long x = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        long y = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return y ^ (y >>> 31);
    }
}
