package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/// A digest of a model's weights that ranks make in parts, each of its own rows, in any order: the sum of a hash of every row's CRC-32C with its
/// parameter's name and its number. So it is one number for every world size, and no rank needs a whole unit.
///
/// It tells honest mistakes apart and runs as fast as memory is read, from the first call on; it is no defence against somebody who looks for
/// collisions.
final class WeightsDigest {
    static final int BYTES = 32;
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private final CRC32C crc = new CRC32C();
    private final long[] sums = new long[BYTES / Long.BYTES];

    /// The rows that `rank` holds of a unit, f32.
    void addShard(UnitPlan unit, int rank, MemorySegment shard) {
        for (int i = 0; i < unit.parameters().size(); i++) {
            ParameterSpec p = unit.parameters().get(i).spec();
            RowShard place = unit.rowShards(rank).get(i);
            long rowBytes = p.rowNumel() * Float.BYTES;
            long some = Math.max(1, Integer.MAX_VALUE / rowBytes);
            for (long row = 0; row < place.rows(); row += some) {
                long rows = Math.min(some, place.rows() - row);
                addRows(p, place.firstRow() + row, rows, shard.asSlice(Float.BYTES * place.shardOffset() + row * rowBytes, rows * rowBytes));
            }
        }
    }

    /// Rows of a parameter, whatever they are made of: one after another, all of `bytes`, which are at most 2 GB.
    void addRows(ParameterSpec p, long firstRow, long rows, MemorySegment bytes) {
        ByteBuffer buffer = bytes.asByteBuffer();
        int rowBytes = (int) (bytes.byteSize() / rows);
        long name = name(p.name());
        for (long r = 0; r < rows; r++) {
            crc.reset();
            crc.update(buffer.limit((int) (r + 1) * rowBytes).position((int) r * rowBytes));
            addRow(mix(name + (firstRow + r) * GOLDEN) + crc.getValue());
        }
    }

    private static long name(String name) {
        long h = 0;
        for (byte b : name.getBytes(StandardCharsets.UTF_8)) { h = mix(h * 31 + b); }
        return h;
    }

    private void addRow(long hash) {
        for (int i = 0; i < sums.length; i++) { sums[i] += mix(hash + i * GOLDEN); }
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
