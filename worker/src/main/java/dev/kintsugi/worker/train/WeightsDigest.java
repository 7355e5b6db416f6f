package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/// A digest of a model's f32 parameters that ranks make in parts, each of its own rows, in any order: the sum of a hash of every row with its
/// parameter's name and its number. So it is one number for every world size, and no rank needs a whole unit.
///
/// It tells honest mistakes apart and runs as fast as memory is read; it is no defence against somebody who looks for collisions. A row's hash
/// is eight chains of FNV-1a over 64-bit words, two elements each: every step can be undone, so that a row in which one word differs has
/// another hash for certain.
///
/// @see <a href="http://www.isthe.com/chongo/tech/comp/fnv/">Fowler, Noll and Vo, FNV-1a</a>
final class WeightsDigest {
    static final int BYTES = 32;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt ELEMENT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long PRIME = 0x100000001b3L;
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private static final int CHAINS = 8;
    private static final int GROUP_NUMEL = 2 * CHAINS;

    private final long[] sums = new long[BYTES / Long.BYTES];
    private final long[] chains = new long[CHAINS];

    /// The rows that `rank` holds of a unit.
    void addShard(UnitPlan unit, int rank, MemorySegment shard) {
        for (int i = 0; i < unit.parameters().size(); i++) {
            RowShard rows = unit.rowShards(rank).get(i);
            addRows(unit.parameters().get(i).spec(), rows.firstRow(), rows.rows(), ElementType.F32, shard, Float.BYTES * rows.shardOffset());
        }
    }

    /// Rows as they are on storage, hashed as the f32 numbers that they are.
    ///
    /// @param type F32 or BF16
    void addRows(ParameterSpec p, long firstRow, long rows, ElementType type, MemorySegment from, long offsetBytes) {
        long name = name(p.name());
        long rowBytes = p.rowNumel() * type.bytes();
        for (long r = 0; r < rows; r++) {
            begin(mix(name + (firstRow + r) * GOLDEN));
            MemorySegment row = from.asSlice(offsetBytes + r * rowBytes, rowBytes);
            switch (type) {
                case F32 -> hashF32(row, (int) p.rowNumel());
                case BF16 -> hashBf16(row, (int) p.rowNumel());
                default -> throw new IllegalArgumentException("rows of %s are not hashed as they are".formatted(type));
            }
            end();
        }
    }

    private static long name(String name) {
        long h = 0xcbf29ce484222325L;
        for (byte b : name.getBytes(StandardCharsets.UTF_8)) { h = (h ^ b) * PRIME; }
        return h;
    }

    private void begin(long key) {
        for (int i = 0; i < CHAINS; i++) { chains[i] = key + i * GOLDEN; }
    }

    private void hashF32(MemorySegment row, int numel) {
        long a = chains[0];
        long b = chains[1];
        long c = chains[2];
        long d = chains[3];
        long e = chains[4];
        long f = chains[5];
        long g = chains[6];
        long h = chains[7];
        int whole = numel - numel % GROUP_NUMEL;
        for (int i = 0; i < whole; i += GROUP_NUMEL) {
            long at = 4L * i;
            a = (a ^ row.get(WORD, at)) * PRIME;
            b = (b ^ row.get(WORD, at + 8)) * PRIME;
            c = (c ^ row.get(WORD, at + 16)) * PRIME;
            d = (d ^ row.get(WORD, at + 24)) * PRIME;
            e = (e ^ row.get(WORD, at + 32)) * PRIME;
            f = (f ^ row.get(WORD, at + 40)) * PRIME;
            g = (g ^ row.get(WORD, at + 48)) * PRIME;
            h = (h ^ row.get(WORD, at + 56)) * PRIME;
        }
        keep(a, b, c, d, e, f, g, h);
        for (int i = whole; i < numel; i++) { tail(i, row.get(ELEMENT, 4L * i)); }
    }

    /// Four elements are in a word of the file; two of them make a word of the hash.
    private void hashBf16(MemorySegment row, int numel) {
        long a = chains[0];
        long b = chains[1];
        long c = chains[2];
        long d = chains[3];
        long e = chains[4];
        long f = chains[5];
        long g = chains[6];
        long h = chains[7];
        int whole = numel - numel % GROUP_NUMEL;
        for (int i = 0; i < whole; i += GROUP_NUMEL) {
            long at = 2L * i;
            long w = row.get(WORD, at);
            a = (a ^ ElementType.lowerPair(w)) * PRIME;
            b = (b ^ ElementType.upperPair(w)) * PRIME;
            long x = row.get(WORD, at + 8);
            c = (c ^ ElementType.lowerPair(x)) * PRIME;
            d = (d ^ ElementType.upperPair(x)) * PRIME;
            long y = row.get(WORD, at + 16);
            e = (e ^ ElementType.lowerPair(y)) * PRIME;
            f = (f ^ ElementType.upperPair(y)) * PRIME;
            long z = row.get(WORD, at + 24);
            g = (g ^ ElementType.lowerPair(z)) * PRIME;
            h = (h ^ ElementType.upperPair(z)) * PRIME;
        }
        keep(a, b, c, d, e, f, g, h);
        for (int i = whole; i < numel; i++) { tail(i, row.get(HALF, 2L * i) << 16); }
    }

    private void keep(long a, long b, long c, long d, long e, long f, long g, long h) {
        chains[0] = a;
        chains[1] = b;
        chains[2] = c;
        chains[3] = d;
        chains[4] = e;
        chains[5] = f;
        chains[6] = g;
        chains[7] = h;
    }

    private void tail(int i, int bits) {
        int chain = i % CHAINS;
        chains[chain] = (chains[chain] ^ Integer.toUnsignedLong(bits)) * PRIME;
    }

    /// Two walks over the chains, forward and backward, give two numbers each.
    private void end() {
        long forward = 0;
        long backward = GOLDEN;
        for (int i = 0; i < CHAINS; i++) {
            forward = mix(forward ^ chains[i]);
            backward = mix(backward ^ chains[CHAINS - 1 - i]);
        }
        sums[0] += forward;
        sums[1] += mix(forward + GOLDEN);
        sums[2] += backward;
        sums[3] += mix(backward + GOLDEN);
    }

    /// SplitMix64's finalizer.
    ///
    /// @see <a href="https://doi.org/10.1145/2660193.2660195">Steele, Lea and Flood 2014, figure 17</a>
    private static long mix(long z) {
        long x = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        long y = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return y ^ (y >>> 31);
    }

    /// Adds another part, as [#toBytes] gave it.
    void add(byte[] part) {
        ByteBuffer words = ByteBuffer.wrap(part);
        for (int i = 0; i < sums.length; i++) { sums[i] += words.getLong(); }
    }

    byte[] toBytes() {
        ByteBuffer words = ByteBuffer.allocate(BYTES);
        for (long s : sums) { words.putLong(s); }
        return words.array();
    }

    String toHex() {
        return HexFormat.of().formatHex(toBytes());
    }
}
