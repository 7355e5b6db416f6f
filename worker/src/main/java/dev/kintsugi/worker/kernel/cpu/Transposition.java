package dev.kintsugi.worker.kernel.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Copies bf16 matrices with rows and columns exchanged. oneDNN's product of a transposed bf16 matrix transposes as it goes, piece by piece
/// and again for every block of columns, which takes as long as the product; once, ahead, takes a fraction of it.
///
/// A tile is 32 by 32: four rows at a time are exchanged inside 64-bit lanes, by shifts and masks; then the lanes of eight such groups
/// with each other. One thread; the memory it owns lives as long as the process.
final class Transposition {
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);
    private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_512;
    private static final int LANES = 8;
    /// Elements in a lane.
    private static final int DEPTH = 4;
    private static final int TILE = LANES * DEPTH;
    private static final int TILE_LANES = DEPTH * LANES * LANES;
    /// Tiles side by side that are read row by row, so that lines of memory come in runs.
    private static final int STRIP = 8;
    private static final long EVEN = 0x0000ffff0000ffffL;
    private static final long LOW = 0x00000000ffffffffL;
    /// Which lanes of two vectors, the second one's counting from 8.
    private static final LongVector EVENS_OF_BOTH = lanes(0, 8, 2, 10, 4, 12, 6, 14);
    private static final LongVector ODDS_OF_BOTH = lanes(1, 9, 3, 11, 5, 13, 7, 15);
    private static final LongVector FIRST_PAIRS = lanes(0, 1, 8, 9, 4, 5, 12, 13);
    private static final LongVector SECOND_PAIRS = lanes(2, 3, 10, 11, 6, 7, 14, 15);
    private static final LongVector FIRST_HALVES = lanes(0, 1, 2, 3, 8, 9, 10, 11);
    private static final LongVector SECOND_HALVES = lanes(4, 5, 6, 7, 12, 13, 14, 15);
    /// Elements of the largest copy, within a tile's rows.
    private static final long NUMEL_MAX = 1L << 21;
    /// Elements between the copy's rows more than they hold: rows of a power of two would all want the same lines of the cache.
    private static final int GAP = 32;
    private static final long ALIGNMENT = 4096;

    /// `[tile][column within a lane][group of four rows][lane]`.
    private final long[] strip = new long[STRIP * TILE_LANES];
    private Arena arena = Arena.ofShared();
    private MemorySegment copy = MemorySegment.NULL;

    private static LongVector lanes(long... indices) {
        return LongVector.fromArray(LONGS, indices, 0);
    }

    /// Whether this machine's vectors are wide enough for it to be quick.
    static boolean isQuick() {
        return LongVector.SPECIES_PREFERRED == LONGS;
    }

    /// How many of the copy's rows to make at once: parts of about the same size, since each product that follows packs its other operand anew.
    static int rowsAtOnce(int rows, int columns) {
        long parts = Math.max(1, Math.ceilDiv((long) rows * columns, NUMEL_MAX));
        return (int) Math.min(rows, Math.ceilDiv(Math.ceilDiv(rows, parts), TILE) * TILE);
    }

    /// Elements between the rows of a copy.
    static long ld(int columns) {
        return columns + GAP;
    }

    /// Columns `[from, from + rows)` of `x`, whose rows are `ldx` elements apart, as rows of `columns` elements, [#ld] apart: valid until the
    /// next call.
    MemorySegment copy(MemorySegment x, long from, int rows, int columns, long ldx) {
        long ld = ld(columns);
        reserve(2 * rows * ld);
        int wholeColumns = columns - columns % TILE;
        int wholeRows = rows - rows % TILE;
        for (int column = 0; column < wholeColumns; column += TILE) {
            for (int row = 0; row < wholeRows; row += STRIP * TILE) {
                int tiles = Math.min(STRIP, (wholeRows - row) / TILE);
                for (int group = 0; group < LANES; group++) {
                    long at = (column + DEPTH * group) * ldx + from + row;
                    for (int t = 0; t < tiles; t++) { exchangeInLanes(x, at + t * TILE, ldx, t * TILE_LANES + group * LANES); }
                }
                for (int t = 0; t < tiles; t++) {
                    for (int i = 0; i < DEPTH; i++) {
                        exchangeLanes(t * TILE_LANES + i * LANES * LANES, (row + t * TILE + i) * ld + column, DEPTH * ld);
                    }
                }
            }
        }
        copyOneByOne(x, from, ldx, 0, wholeRows, wholeColumns, columns, ld);
        copyOneByOne(x, from, ldx, wholeRows, rows, 0, columns, ld);
        return copy;
    }

    private void reserve(long bytes) {
        if (bytes > copy.byteSize()) {
            arena.close();
            arena = Arena.ofShared();
            copy = arena.allocate(bytes, ALIGNMENT);
        }
    }

    /// Four rows of x, a tile wide, to lanes that hold four elements of a column each.
    private void exchangeInLanes(MemorySegment x, long at, long ldx, int to) {
        var a = LongVector.fromMemorySegment(LONGS, x, at * 2, LE);
        var b = LongVector.fromMemorySegment(LONGS, x, (at + ldx) * 2, LE);
        var c = LongVector.fromMemorySegment(LONGS, x, (at + 2 * ldx) * 2, LE);
        var d = LongVector.fromMemorySegment(LONGS, x, (at + 3 * ldx) * 2, LE);
        var evenAb = a.and(EVEN).or(b.and(EVEN).lanewise(VectorOperators.LSHL, 16));
        var oddAb = a.lanewise(VectorOperators.LSHR, 16).and(EVEN).or(b.and(~EVEN));
        var evenCd = c.and(EVEN).or(d.and(EVEN).lanewise(VectorOperators.LSHL, 16));
        var oddCd = c.lanewise(VectorOperators.LSHR, 16).and(EVEN).or(d.and(~EVEN));
        evenAb.and(LOW).or(evenCd.lanewise(VectorOperators.LSHL, 32)).intoArray(strip, to);
        oddAb.and(LOW).or(oddCd.lanewise(VectorOperators.LSHL, 32)).intoArray(strip, to + LANES * LANES);
        evenAb.lanewise(VectorOperators.LSHR, 32).or(evenCd.and(~LOW)).intoArray(strip, to + 2 * LANES * LANES);
        oddAb.lanewise(VectorOperators.LSHR, 32).or(oddCd.and(~LOW)).intoArray(strip, to + 3 * LANES * LANES);
    }

    /// An 8 by 8 matrix of lanes, transposed into eight rows of the copy. In one method, because vectors that cross a call may become objects.
    private void exchangeLanes(int from, long to, long stride) {
        var a = LongVector.fromArray(LONGS, strip, from);
        var b = LongVector.fromArray(LONGS, strip, from + LANES);
        var c = LongVector.fromArray(LONGS, strip, from + 2 * LANES);
        var d = LongVector.fromArray(LONGS, strip, from + 3 * LANES);
        var e = LongVector.fromArray(LONGS, strip, from + 4 * LANES);
        var f = LongVector.fromArray(LONGS, strip, from + 5 * LANES);
        var g = LongVector.fromArray(LONGS, strip, from + 6 * LANES);
        var h = LongVector.fromArray(LONGS, strip, from + 7 * LANES);
        var evenAb = EVENS_OF_BOTH.selectFrom(a, b);
        var evenCd = EVENS_OF_BOTH.selectFrom(c, d);
        var evenEf = EVENS_OF_BOTH.selectFrom(e, f);
        var evenGh = EVENS_OF_BOTH.selectFrom(g, h);
        var oddAb = ODDS_OF_BOTH.selectFrom(a, b);
        var oddCd = ODDS_OF_BOTH.selectFrom(c, d);
        var oddEf = ODDS_OF_BOTH.selectFrom(e, f);
        var oddGh = ODDS_OF_BOTH.selectFrom(g, h);
        var evenFirstAd = FIRST_PAIRS.selectFrom(evenAb, evenCd);
        var evenFirstEh = FIRST_PAIRS.selectFrom(evenEf, evenGh);
        var evenSecondAd = SECOND_PAIRS.selectFrom(evenAb, evenCd);
        var evenSecondEh = SECOND_PAIRS.selectFrom(evenEf, evenGh);
        var oddFirstAd = FIRST_PAIRS.selectFrom(oddAb, oddCd);
        var oddFirstEh = FIRST_PAIRS.selectFrom(oddEf, oddGh);
        var oddSecondAd = SECOND_PAIRS.selectFrom(oddAb, oddCd);
        var oddSecondEh = SECOND_PAIRS.selectFrom(oddEf, oddGh);
        FIRST_HALVES.selectFrom(evenFirstAd, evenFirstEh).intoMemorySegment(copy, to * 2, LE);
        FIRST_HALVES.selectFrom(oddFirstAd, oddFirstEh).intoMemorySegment(copy, (to + stride) * 2, LE);
        FIRST_HALVES.selectFrom(evenSecondAd, evenSecondEh).intoMemorySegment(copy, (to + 2 * stride) * 2, LE);
        FIRST_HALVES.selectFrom(oddSecondAd, oddSecondEh).intoMemorySegment(copy, (to + 3 * stride) * 2, LE);
        SECOND_HALVES.selectFrom(evenFirstAd, evenFirstEh).intoMemorySegment(copy, (to + 4 * stride) * 2, LE);
        SECOND_HALVES.selectFrom(oddFirstAd, oddFirstEh).intoMemorySegment(copy, (to + 5 * stride) * 2, LE);
        SECOND_HALVES.selectFrom(evenSecondAd, evenSecondEh).intoMemorySegment(copy, (to + 6 * stride) * 2, LE);
        SECOND_HALVES.selectFrom(oddSecondAd, oddSecondEh).intoMemorySegment(copy, (to + 7 * stride) * 2, LE);
    }

    private void copyOneByOne(MemorySegment x, long from, long ldx, int firstRow, int lastRow, int firstColumn, int lastColumn, long ld) {
        for (long row = firstRow; row < lastRow; row++) {
            for (long column = firstColumn; column < lastColumn; column++) {
                copy.set(SHORT, (row * ld + column) * 2, x.get(SHORT, (column * ldx + from + row) * 2));
            }
        }
    }
}
