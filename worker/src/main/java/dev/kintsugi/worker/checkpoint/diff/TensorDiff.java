package dev.kintsugi.worker.checkpoint.diff;

import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.optimizer.StateTensor;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.TensorKind;
import dev.kintsugi.worker.checkpoint.WholeTensors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/// Compares all tensors that two checkpoints share, weights and the optimizer's, bit for bit. How either is cut does not matter: both are read in the
/// same ranges of the whole tensor, a few MiB at a time.
public final class TensorDiff {
    private static final long RANGE_BYTES = 4 << 20;

    private final CheckpointDirectory a;
    private final CheckpointDirectory b;
    private final LongConsumer onBytes;
    private final AtomicLong done = new AtomicLong();
    private final ConcurrentLinkedQueue<Pair> pending = new ConcurrentLinkedQueue<>();

    private record Pair(int index, TensorKind kind, SavedParameter inA, SavedParameter inB, StateTensor tensor) {}

    private record Found(int index, TensorDifference difference) {}

    private TensorDiff(CheckpointDirectory a, CheckpointDirectory b, LongConsumer onBytes) {
        this.a = a;
        this.b = b;
        this.onBytes = onBytes;
    }

    /// @param threads that read and compare
    /// @param onBytes bytes of A compared so far, from any of the threads
    /// @return those that differ, weights first, in A's order
    /// @throws dev.kintsugi.worker.checkpoint.CorruptShardException if a file of either is not what was saved
    public static List<TensorDifference> of(CheckpointDirectory a, CheckpointDirectory b, int threads, LongConsumer onBytes)
            throws InterruptedException {
        return new TensorDiff(a, b, onBytes).run(threads);
    }

    /// What [#of] reads of each of them.
    public static long bytes(CheckpointDirectory a, CheckpointDirectory b) {
        return pairs(a, b).stream().mapToLong(p -> p.tensor.bytes()).sum();
    }

    private static List<Pair> pairs(CheckpointDirectory a, CheckpointDirectory b) {
        Map<String, SavedParameter> inB = b.manifest().parametersByName();
        var pairs = new ArrayList<Pair>();
        List<TensorKind> kinds = TensorKind.of(a.manifest());
        kinds.retainAll(TensorKind.of(b.manifest()));
        for (TensorKind kind : kinds) {
            for (SavedParameter p : a.manifest().parameters()) {
                SavedParameter other = inB.get(p.name());
                if (other == null || !other.shape().equals(p.shape())) { continue; }
                kind.tensor(p).ifPresent(t -> pairs.add(new Pair(pairs.size(), kind, p, other, t)));
            }
        }
        return pairs;
    }

    private List<TensorDifference> run(int threads) throws InterruptedException {
        pending.addAll(pairs(a, b));
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            var results = new ArrayList<Future<List<Found>>>();
            for (int t = 0; t < threads; t++) { results.add(executor.submit(this::compareRest)); }
            var found = new ArrayList<Found>();
            for (Future<List<Found>> result : results) { found.addAll(result.get()); }
            found.sort((x, y) -> Integer.compare(x.index, y.index));
            return found.stream().map(Found::difference).toList();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) { throw cause; }
            throw new AssertionError(e.getCause());
        } finally {
            executor.shutdownNow();
            executor.close();
        }
    }

    private List<Found> compareRest() {
        var found = new ArrayList<Found>();
        try (var inA = WholeTensors.of(a); var inB = WholeTensors.of(b); Arena arena = Arena.ofConfined()) {
            MemorySegment bufferA = arena.allocate(RANGE_BYTES, 64);
            MemorySegment bufferB = arena.allocate(RANGE_BYTES, 64);
            for (Pair pair = pending.poll(); pair != null; pair = pending.poll()) {
                int index = pair.index;
                compare(pair, inA, inB, bufferA, bufferB).ifPresent(d -> found.add(new Found(index, d)));
            }
        } catch (RuntimeException e) {
            pending.clear();        // The others need not go on.
            throw e;
        }
        return found;
    }

    private Optional<TensorDifference> compare(Pair pair, WholeTensors inA, WholeTensors inB, MemorySegment bufferA, MemorySegment bufferB) {
        var differing = new DifferingElements(pair.tensor.dtype());
        long bytes = pair.tensor.bytes();
        for (long at = 0; at < bytes; at += RANGE_BYTES) {
            MemorySegment rangeA = bufferA.asSlice(0, Math.min(RANGE_BYTES, bytes - at));
            MemorySegment rangeB = bufferB.asSlice(0, rangeA.byteSize());
            inA.read(pair.kind, pair.inA, at, rangeA);
            inB.read(pair.kind, pair.inB, at, rangeB);
            differing.add(rangeA, rangeB, at / pair.tensor.dtype().bytes());
            onBytes.accept(done.addAndGet(rangeA.byteSize()));
        }
        return differing.in(pair.inA, pair.kind, pair.tensor.shape());
    }
}
