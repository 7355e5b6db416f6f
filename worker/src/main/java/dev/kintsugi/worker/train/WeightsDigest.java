package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// A digest of a model's f32 parameters that ranks make in parts, each of its own rows, in any order: the sum modulo 2^256 of the SHA-256
/// of every row with its parameter's name and its number. So it is one number for every world size, and no rank needs a whole unit.
/// It tells honest mistakes apart; it is no defence against somebody who looks for collisions.
final class WeightsDigest {
    static final int BYTES = 32;
    private static final BigInteger MODULUS = BigInteger.ONE.shiftLeft(8 * BYTES);

    private final MessageDigest sha256;
    private BigInteger sum = BigInteger.ZERO;

    WeightsDigest() {
        try {
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }

    /// All rows of a unit in its unsharded layout.
    void addUnit(UnitPlan unit, MemorySegment unsharded) {
        for (ParameterPlan p : unit.parameters()) { addRows(p, unsharded, p.unshardedOffset(), 0, p.spec().rows()); }
    }

    /// The rows that `rank` holds of a unit.
    void addShard(UnitPlan unit, int rank, MemorySegment shard) {
        for (int i = 0; i < unit.parameters().size(); i++) {
            RowShard rows = unit.rowShards(rank).get(i);
            addRows(unit.parameters().get(i), shard, rows.shardOffset(), rows.firstRow(), rows.rows());
        }
    }

    private void addRows(ParameterPlan p, MemorySegment from, long offset, long firstRow, long rows) {
        byte[] name = p.spec().name().getBytes(StandardCharsets.UTF_8);
        long rowBytes = p.spec().rowNumel() * DType.F32.bytes();
        for (long r = 0; r < rows; r++) {
            sha256.update(name);
            sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(0, firstRow + r));
            sha256.update(from.asSlice(offset * DType.F32.bytes() + r * rowBytes, rowBytes).asByteBuffer());
            add(sha256.digest());
        }
    }

    /// Adds another part, as [#toBytes] gave it.
    void add(byte[] part) {
        sum = sum.add(new BigInteger(1, part)).mod(MODULUS);
    }

    byte[] toBytes() {
        byte[] digits = sum.toByteArray();            // with a sign byte, or short
        var bytes = new byte[BYTES];
        int n = Math.min(digits.length, BYTES);
        System.arraycopy(digits, digits.length - n, bytes, BYTES - n, n);
        return bytes;
    }

    String toHex() {
        return "%064x".formatted(sum);
    }
}
