package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.failure.CallerException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// One tensor, whole in one file or cut by rows over several.
///
/// @param pieces by first row, without gap or overlap from row 0 on
record StoredTensor(String name, ElementType type, List<Long> shape, List<Piece> pieces) {
    /// Rows `[firstRow, firstRow + entry.rows())` of the whole.
    record Piece(SafetensorsFile file, TensorEntry entry, long firstRow) {
        long endRow() {
            return firstRow + entry.rows();
        }
    }

    StoredTensor {
        shape = List.copyOf(shape);
        pieces = List.copyOf(pieces);
    }

    static StoredTensor whole(SafetensorsFile file, TensorEntry entry) {
        return new StoredTensor(entry.name(), entry.type(), entry.shape(), List.of(new Piece(file, entry, 0)));
    }

    /// Puts together what several files have of one tensor. Pieces without rows are left out.
    ///
    /// @throws CallerException if rows are missing or there twice, or the pieces do not fit together
    static StoredTensor assemble(String name, List<Piece> given) {
        var pieces = new ArrayList<>(given.stream().filter(p -> p.entry.rows() > 0).sorted(Comparator.comparingLong(Piece::firstRow)).toList());
        Piece first = pieces.isEmpty() ? given.getFirst() : pieces.getFirst();
        long row = 0;
        for (Piece p : pieces) {
            requireSameKind(first, p);
            if (p.firstRow != row) {
                throw new CallerException(("tensor '%s': rows [%d, %d) are %s the shard files beside %s; copy all files of one checkpoint, and no others, "
                        + "into the directory").formatted(name, Math.min(row, p.firstRow), Math.max(row, p.firstRow),
                                p.firstRow > row ? "in none of" : "twice in", p.file.path()));
            }
            row = p.endRow();
        }
        var shape = new ArrayList<>(first.entry.shape());
        if (!shape.isEmpty()) { shape.set(0, row); }
        return new StoredTensor(name, first.entry.type(), shape, pieces);
    }

    private static void requireSameKind(Piece a, Piece b) {
        List<Long> rowA = a.entry.shape().subList(Math.min(1, a.entry.shape().size()), a.entry.shape().size());
        List<Long> rowB = b.entry.shape().subList(Math.min(1, b.entry.shape().size()), b.entry.shape().size());
        if (a.entry.type() == b.entry.type() && rowA.equals(rowB)) { return; }
        throw new CallerException("tensor '%s' is %s %s in %s and %s %s in %s, which do not fit together; copy all files of one checkpoint".formatted(
                a.entry.name(), a.entry.type(), a.entry.shape(), a.file.path(), b.entry.type(), b.entry.shape(), b.file.path()));
    }

    /// For messages.
    String place() {
        return pieces.size() == 1 ? pieces.getFirst().file.path().toString() : "%d files beside %s".formatted(pieces.size(),
                pieces.getFirst().file.path());
    }

    /// Rows as they are on storage.
    void readRaw(long firstRow, long rows, MemorySegment into, long offsetBytes) {
        forEach(firstRow, rows, (p, from, count) -> p.file.read(p.entry, from - p.firstRow, count, into,
                offsetBytes + (from - firstRow) * p.entry.rowBytes()));
    }

    void readF32(MemorySegment into, long offsetBytes) {
        for (Piece p : pieces) { p.file.readF32(p.entry.name(), 0, p.entry.rows(), into, offsetBytes + p.firstRow * rowNumel(p) * Float.BYTES); }
    }

    void readBf16(MemorySegment into) {
        for (Piece p : pieces) { p.file.readBf16(p.entry.name(), 0, p.entry.rows(), into, p.firstRow * rowNumel(p) * Short.BYTES); }
    }

    private static long rowNumel(Piece p) {
        return p.entry.rowBytes() / p.entry.type().bytes();
    }

    private interface Visitor {
        void visit(Piece piece, long firstRow, long rows);
    }

    private void forEach(long firstRow, long rows, Visitor visitor) {
        for (Piece p : pieces) {
            long from = Math.max(firstRow, p.firstRow);
            long to = Math.min(firstRow + rows, p.endRow());
            if (from < to) { visitor.visit(p, from, to - from); }
        }
    }
}
