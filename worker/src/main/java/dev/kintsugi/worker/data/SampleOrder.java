package dev.kintsugi.worker.data;

/// Which sample is at which global position: each epoch is its own shuffle, found for any position in constant time and memory, or all are
/// alike, in the dataset's order.
///
/// A Feistel network permutes the smallest even number of bits that holds the size; a value outside is sent through again until
/// it falls inside (cycle walking: at most 4 rounds trips on average), which leaves a bijection on `[0, size)`.
///
/// @param sampling shuffled or not
/// @param seed of the job
/// @param size samples of the dataset
/// @see <a href="https://doi.org/10.1007/3-540-45760-7_9">Black and Rogaway 2002, Ciphers with Arbitrary Finite Domains, section 4 and 5</a>
public record SampleOrder(Sampling sampling, long seed, long size) {
    /// Whether samples are shuffled; names as in Transformers' `train_sampling_strategy`.
    public enum Sampling {
        RANDOM, SEQUENTIAL
    }

    private static final int ROUNDS = 8;
    private static final long SIZE_MAX = 1L << 62;

    public SampleOrder {
        if (size < 1 || size > SIZE_MAX) {
            throw new IllegalArgumentException("size=%d; must be in [1, 2^62]".formatted(size));
        }
    }

    /// Shuffled.
    public SampleOrder(long seed, long size) {
        this(Sampling.RANDOM, seed, size);
    }

    /// @param position samples used before this one since the start of training, `>= 0`
    /// @return the sample's index, in `[0, size)`; every one once per epoch
    public long blockIndex(long position) {
        if (position < 0) { throw new IllegalArgumentException("position=%d; must be >= 0".formatted(position)); }
        if (sampling == Sampling.SEQUENTIAL) { return position % size; }
        long epochKey = mix(mix(seed) + position / size);
        int halfBits = Math.max(1, (65 - Long.numberOfLeadingZeros(size - 1)) / 2);
        long x = position % size;
        do {
            x = permute(x, halfBits, epochKey);
        } while (x >= size);
        return x;
    }

    /// A bijection on `[0, 2^(2 halfBits))`.
    private static long permute(long x, int halfBits, long key) {
        long mask = (1L << halfBits) - 1;
        long left = x >>> halfBits;
        long right = x & mask;
        for (int round = 0; round < ROUNDS; round++) {
            long next = left ^ (mix(mix(key + round) + right) & mask);
            left = right;
            right = next;
        }
        return left << halfBits | right;
    }

    /// SplitMix64's output function, after one step of its counter.
    private static long mix(long x) {
        long z = x + 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }
}
