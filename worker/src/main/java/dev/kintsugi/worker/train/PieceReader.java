package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.schedule.LoadPiece;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import java.lang.foreign.Arena;
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
    private final int firstShard;
    private final int endShard;
    private final WeightsDigest digest;
    private final Semaphore free;
    private final BlockingQueue<Read> read;
    private final Thread thread;
    private long bytes;

    /// A piece is there, or why not.
    private record Read(Throwable failure) {}

    /// @param buffers filled in turn
    /// @param firstShard the parts that are read of each piece, to `endShard`; the buffer begins with this one's
    /// @param digest gets every row that is read; or null
    PieceReader(WeightSource source, List<LoadPiece> pieces, List<MemorySegment> buffers, int firstShard, int endShard, WeightsDigest digest) {
        this.source = source;
        this.pieces = pieces;
        this.buffers = buffers;
        this.firstShard = firstShard;
        this.endShard = endShard;
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
        for (int shard = firstShard; shard < endShard; shard++) {
            long part = offsets[shard] - offsets[firstShard];
            piece.forEach(shard, (parameter, firstRow, rows, offset) -> readRows(piece.unit().parameters().get(parameter).spec(), firstRow, rows,
                    buffer, part + offset));
        }
    }

    private void readRows(ParameterSpec p, long firstRow, long rows, MemorySegment buffer, long offset) {
        ElementType type = source.type(p);
        long rowBytes = p.rowNumel() * type.bytes();
        long some = Math.clamp(CHUNK_BYTES / rowBytes, 1, rows);
        for (long row = 0; row < rows; row += some) {
            long count = Math.min(some, rows - row);
            source.readRaw(p, firstRow + row, count, buffer, offset + row * rowBytes);
            if (digest != null) { hash(p, type, firstRow + row, count, buffer.asSlice(offset + row * rowBytes, count * rowBytes)); }
            bytes += count * rowBytes;
        }
    }

    private void hash(ParameterSpec p, ElementType type, long firstRow, long rows, MemorySegment raw) {
        if (type == ElementType.F32 || type == ElementType.BF16) {
            digest.addRows(p, firstRow, rows, type, raw, 0);
        } else {
            try (Arena scratch = Arena.ofConfined()) {
                MemorySegment f32 = scratch.allocate(rows * p.rowNumel() * Float.BYTES, Float.BYTES);
                type.toF32(raw, f32);
                digest.addRows(p, firstRow, rows, ElementType.F32, f32, 0);
            }
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

    /// What has been read so far; after the last piece, all.
    long bytes() {
        return bytes;
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
