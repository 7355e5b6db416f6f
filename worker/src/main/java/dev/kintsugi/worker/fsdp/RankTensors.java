package dev.kintsugi.worker.fsdp;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.memory.AnonymousMemory;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.ToLongFunction;

/// Owns what one rank keeps for the life of a job: its shards of the master weights, f32, and of the optimizer's slots. They start
/// at zero.
public final class RankTensors implements AutoCloseable {
    private final Arena jobArena = Arena.ofShared();    // the checkpoint writer's thread reads it too
    private final ShardBuffers state;
    private long allocatedBytes;

    public RankTensors(ShardPlan plan, int rank, OptimizerState optimizer) {
        state = new ShardBuffers(plan, rank, optimizer, allocate(plan, u -> u.shardNumel(rank) * DType.F32.bytes()),
                optimizer.slots().stream().map(s -> allocate(plan, u -> OptimizerState.bytes(s, u, rank))).toList());
    }

    private List<MemorySegment> allocate(ShardPlan plan, ToLongFunction<UnitPlan> bytes) {
        allocatedBytes += plan.units().stream().mapToLong(bytes).sum();
        return AnonymousMemory.perUnit(jobArena, plan, bytes);
    }

    public ShardBuffers state() {
        return state;
    }

    public long allocatedBytes() {
        return allocatedBytes;
    }

    @Override
    public void close() {
        jobArena.close();
    }
}
