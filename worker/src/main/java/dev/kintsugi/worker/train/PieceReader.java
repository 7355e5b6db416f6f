package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.schedule.LoadPiece;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Semaphore;

/// Reads one piece after another on a thread of its own, into two buffers in turn: one is filled while the other is used.
final class PieceReader implements AutoCloseable {
    private static final long CHUNK_BYTES = 512 << 10;      // read, and hashed while it is in the cache

    private final WeightSource source;
    private final List<LoadPiece> pieces;
    private final List<MemorySegment> buffers;
    private final WeightsDigest digest;
    private final Semaphore free;
    private final BlockingQueue<Read> read;
    private final Thread thread;

    /// A piece is there, or why not.
    private record Read(Throwable failure) {}

    /// @param buffers filled in turn
    /// @param digest gets every row that is read
    PieceReader(WeightSource source, List<LoadPiece> pieces, List<MemorySegment> buffers, WeightsDigest digest) {
        this.source = source;
        this.pieces = pieces;
        this.buffers = buffers;
        this.digest = digest;
        this.free = new Semaphore(buffers.size());
        this.read = new ArrayBlockingQueue<>(buffers.size() + 1);
        this.thread = Thread.ofPlatform().daemon().name("weights-reader").start(this::readAll);
    }

    private void readAll() {
        try {
            for (int i = 0; i < pieces.size(); i++) {
                free.acquire();
                readPiece(pieces.get(i), buffers.get(i % buffers.size()));
                read.put(new Read(null));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();     // closed before the end
        } catch (Throwable e) {                     // goes on where the piece is awaited
            read.add(new Read(e));
        }
    }

    private void readPiece(LoadPiece piece, MemorySegment buffer) {
        long[] offsets = piece.partOffsets();
        for (int shard = 0; shard < offsets.length - 1; shard++) {
            long part = offsets[shard];
            piece.forEach(shard, (parameter, firstRow, rows, offset) -> readRows(piece.unit().parameters().get(parameter).spec(), firstRow, rows,
                    buffer, part + offset));
        }
    }

    private void readRows(ParameterSpec p, long firstRow, long rows, MemorySegment buffer, long offset) {
        long rowBytes = p.rowNumel() * source.type(p).bytes();
        long some = Math.clamp(CHUNK_BYTES / rowBytes, 1, rows);
        for (long row = 0; row < rows; row += some) {
            long count = Math.min(some, rows - row);
            source.readRaw(p, firstRow + row, count, buffer, offset + row * rowBytes);
            digest.addRows(p, firstRow + row, count, buffer.asSlice(offset + row * rowBytes, count * rowBytes));
        }
    }

    /// Returns when the next piece is in its buffer.
    void awaitPiece() {
        Read next;
        try {
            next = read.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for weights", e);
        }
        switch (next.failure) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new AssertionError("no checked exceptions are thrown there", next.failure);
        }
    }

    /// The buffer used longest may be filled again.
    void release() {
        free.release();
    }

    /// Returns when the thread is gone; the buffers may go then.
    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
