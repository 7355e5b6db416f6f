package dev.kintsugi.worker.data;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/// Best-fit decreasing, as TRL's `pack_dataset` with strategy `bfd`: of each 1000 examples, the longest first, each goes into the bin that it leaves
/// the least room in, the one that has had that much room for longest.
///
/// Examples are at most as long as a bin. Bins come out in the order in which they were begun, and examples lie in them in the order in which they came in.
///
/// @see <a href="https://arxiv.org/abs/2404.10830">Ding et al. 2024, Fewer Truncations Improve Language Modeling, section 3.2</a>
final class BestFitPacking {
    /// `datasets` maps as many at once.
    static final int BATCH = 1000;

    private final int capacity;
    private final Consumer<List<int[]>> onBin;
    private final List<int[]> batch = new ArrayList<>();

    /// @param capacity words of a bin
    /// @param onBin is given each bin's examples
    BestFitPacking(int capacity, Consumer<List<int[]>> onBin) {
        this.capacity = capacity;
        this.onBin = onBin;
    }

    /// @param words not empty, at most as many as a bin holds
    void add(int[] words) {
        batch.add(words);
    }

    /// An example has ended, whether there was anything of it to add or not.
    void endExample(long examples) {
        if (examples % BATCH == 0) { flush(); }
    }

    /// Gives the bins of the examples that have come since the last time.
    void flush() {
        bins(batch.stream().mapToInt(words -> words.length).toArray(), capacity)
                .forEach(bin -> onBin.accept(bin.stream().map(batch::get).toList()));
        batch.clear();
    }

    /// @param lengths of examples, each in [1, capacity]
    /// @return which of them each bin holds
    static List<List<Integer>> bins(int[] lengths, int capacity) {
        List<List<Integer>> bins = new ArrayList<>();
        var byRoom = new TreeMap<Integer, ArrayDeque<List<Integer>>>();
        List<Integer> longestFirst = IntStream.range(0, lengths.length).boxed().sorted(Comparator.comparingInt((Integer i) -> -lengths[i])).toList();
        for (int example : longestFirst) {
            Integer room = byRoom.ceilingKey(lengths[example]);
            List<Integer> bin = room == null ? new ArrayList<>() : byRoom.get(room).removeFirst();
            if (room == null) {
                bins.add(bin);
            } else if (byRoom.get(room).isEmpty()) {
                byRoom.remove(room);
            }
            bin.add(example);
            int left = (room == null ? capacity : room) - lengths[example];
            if (left > 0) { byRoom.computeIfAbsent(left, _ -> new ArrayDeque<>()).addLast(bin); }
        }
        return bins;
    }
}
