package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.StateShard;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToLongFunction;

/// Updates of a few parameters on any number of ranks, with the weights and gradients of `src/test/python/optimizer_fixtures.py`.
///
/// @param parameters in the order of two units
record OptimizerTrial(List<ParameterSpec> parameters, OptimizerSettings settings, Kernels kernels) {
    static final double RATE = 1e-2;
    static final double SCALE = 0.7;

    static final List<ParameterSpec> FIXTURE = List.of(parameter("m.tall", true, 9, 520), parameter("m.vector", false, 13),
            parameter("m.small", true, 5, 7), parameter("m.embed_tokens.weight", true, 9, 500));

    static ParameterSpec parameter(String name, boolean decay, long... shape) {
        return new ParameterSpec(name, Arrays.stream(shape).boxed().toList(), new InitRule.Constant(0), decay);
    }

    static float value(String parameter, int step, long element) {
        long h = element * 2654435761L + parameter.chars().sum() * 40503L + step * 7919L;
        h = (h ^ h >> 15) * 2246822519L & 0xFFFFFFFFL;
        h = (h ^ h >> 13) * 3266489917L & 0xFFFFFFFFL;
        return (float) (h >> 8) / (1 << 24) - 0.5f;
    }

    /// All tensors as wholes, by their names in checkpoints, after the updates from `first` to `last`.
    ///
    /// @param before what the update before left, or empty at the beginning
    Map<String, byte[]> run(Sharding sharding, Map<String, byte[]> before, int first, int last) throws Exception {
        int half = parameters.size() / 2;
        var units = List.of(new UnitSpec("u0", UnitSpec.Kind.BLOCK, parameters.subList(0, half)),
                new UnitSpec("u1", UnitSpec.Kind.BLOCK, parameters.subList(half, parameters.size())));
        var config = new LlamaConfig(8, 8, 1, 1, 1, 8, 8, 8, 1e-6, 10000, new RopeScaling.None(), false, false, false, 0.05);
        ShardPlan plan = ShardPlanner.plan(new ModelSpec(config, units), sharding);
        var post = new Post(sharding.worldSize());
        try (var pool = Executors.newFixedThreadPool(sharding.worldSize())) {
            var ranks = new ArrayList<Callable<ShardBuffers>>();
            for (int r = 0; r < sharding.worldSize(); r++) {
                int rank = r;
                ranks.add(() -> rank(plan, rank, post, before, first, last));
            }
            var wholes = new TreeMap<String, byte[]>();
            for (Future<ShardBuffers> f : pool.invokeAll(ranks)) { collect(f.get(), wholes); }
            return wholes;
        }
    }

    private ShardBuffers rank(ShardPlan plan, int rank, Post post, Map<String, byte[]> before, int first, int last) {
        OptimizerState kept = settings.state();
        var state = new ShardBuffers(plan, rank, kept, allocate(plan, u -> u.shardNumel(rank) * Float.BYTES),
                kept.slots().stream().map(s -> allocate(plan, u -> OptimizerState.bytes(s, u, rank))).toList());
        List<MemorySegment> gradients = allocate(plan, u -> u.shardNumel(rank) * Float.BYTES);
        if (before.isEmpty()) {
            fill(state.parameters(), plan, rank, 0, 1);
        } else {
            pieces(state, (name, piece, at) -> MemorySegment.copy(before.get(name), Math.toIntExact(at), piece, ValueLayout.JAVA_BYTE, 0,
                    Math.toIntExact(piece.byteSize())));
        }
        Optimizer optimizer = Optimizers.open(settings, kernels, plan, rank, (_, mine) -> post.exchange(rank, mine));
        for (int step = first; step <= last; step++) {
            fill(gradients, plan, rank, step, 0.02f * step);
            optimizer.update(state, gradients, new Optimizer.Update(step, RATE, SCALE, gradNorm(step)), _ -> {});
        }
        return state;
    }

    private double gradNorm(int step) {
        double squares = 0;
        for (ParameterSpec p : parameters) {
            for (long e = 0; e < p.numel(); e++) { squares += Math.pow(value(p.name(), step, e) * (0.02f * step), 2); }
        }
        return Math.sqrt(squares);
    }

    private static List<MemorySegment> allocate(ShardPlan plan, ToLongFunction<UnitPlan> bytes) {
        return plan.units().stream().map(u -> Arena.ofAuto().allocate(bytes.applyAsLong(u), 64)).toList();
    }

    private static void fill(List<MemorySegment> buffers, ShardPlan plan, int rank, int step, float scale) {
        for (UnitPlan unit : plan.units()) {
            for (int i = 0; i < unit.parameters().size(); i++) {
                RowShard s = unit.rowShards(rank).get(i);
                for (long e = 0; e < s.numel(); e++) {
                    float value = value(unit.parameters().get(i).spec().name(), step, s.firstRow() * s.rowNumel() + e) * scale;
                    buffers.get(unit.index()).setAtIndex(ValueLayout.JAVA_FLOAT, s.shardOffset() + e, value);
                }
            }
        }
    }

    private interface Visitor {
        void visit(String tensor, MemorySegment piece, long offsetBytes);
    }

    /// A rank's pieces of all tensors, with their places in the wholes.
    private static void pieces(ShardBuffers state, Visitor visitor) {
        for (UnitPlan unit : state.plan().units()) {
            for (int i = 0; i < unit.parameters().size(); i++) {
                RowShard s = unit.rowShards(state.rank()).get(i);
                visitor.visit(unit.parameters().get(i).spec().name(),
                        state.parameters().get(unit.index()).asSlice(s.shardOffset() * Float.BYTES, s.numel() * Float.BYTES),
                        s.firstRow() * s.rowNumel() * Float.BYTES);
            }
            for (int k = 0; k < state.slots().size(); k++) {
                for (StateShard s : StateShard.of(state.optimizer().slots().get(k), unit, state.rank())) {
                    visitor.visit(state.optimizer().slots().get(k).tensorName(unit.parameters().get(s.parameter()).spec().name()),
                            state.slots().get(k).get(unit.index()).asSlice(s.offsetBytes(), s.bytes()), s.firstRow() * s.tensor().rowBytes());
                }
            }
        }
    }

    private void collect(ShardBuffers state, Map<String, byte[]> wholes) {
        pieces(state, (name, piece, at) -> {
            byte[] whole = wholes.computeIfAbsent(name, n -> new byte[wholeBytes(n)]);
            MemorySegment.copy(piece, ValueLayout.JAVA_BYTE, 0, whole, Math.toIntExact(at), Math.toIntExact(piece.byteSize()));
        });
    }

    private int wholeBytes(String tensor) {
        for (ParameterSpec p : parameters) {
            if (p.name().equals(tensor)) { return Math.toIntExact(p.numel() * Float.BYTES); }
            for (var slot : settings.state().slots()) {
                var kept = slot.tensor(p.name(), p.shape());
                if (kept.isPresent() && slot.tensorName(p.name()).equals(tensor)) { return Math.toIntExact(kept.get().bytes()); }
            }
        }
        throw new AssertionError(tensor);
    }

    /// Exchanges messages of threads.
    private static final class Post {
        private final byte[][] messages;
        private final CyclicBarrier barrier;

        Post(int worldSize) {
            messages = new byte[worldSize][];
            barrier = new CyclicBarrier(worldSize);
        }

        List<byte[]> exchange(int rank, byte[] mine) {
            try {
                messages[rank] = mine;
                barrier.await();
                List<byte[]> all = List.of(messages.clone());
                barrier.await();
                return all;
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        }
    }
}
