package dev.kintsugi.sharding.program;

/// One instruction of the step program. Units are named by their index in the plan.
public sealed interface Instruction {
    int unit();

    /// All-gather the unit's parameters into its slot.
    record Unshard(int unit) implements Instruction {}

    /// Run the unit forward; a recording is kept for backward.
    record Forward(int unit) implements Instruction {}

    /// The unit's unsharded copy is not needed any more; its slot may be used by another unit.
    record Reshard(int unit) implements Instruction {}

    /// Final norm, head and loss, forward and backward in one, with the parameters of `unit`.
    record Loss(int unit) implements Instruction {}

    /// Run the unit backward: its unsharded gradient is complete afterwards.
    record Backward(int unit) implements Instruction {}

    /// Add all ranks' gradients of the unit, in rank order, to each owner's accumulator.
    record ReduceScatter(int unit) implements Instruction {}
}
