package dev.kintsugi.sharding.program;

/// One instruction of the step program. A unit is all that is gathered of one layer of the model, of all its parts; it is named by the layer.
///
/// Collectives come in two instructions, so that they go on while the rank computes: one begins and never waits, the other waits.
public sealed interface Instruction {
    int unit();

    /// Begin to all-gather the unit's parameters into its slot. This rank does not use what the slot held any more.
    record Unshard(int unit) implements Instruction {}

    /// Wait until every rank's rows of the unit are in its slot.
    record AwaitUnshard(int unit) implements Instruction {}

    /// Run the unit forward; a recording is kept for backward.
    record Forward(int unit) implements Instruction {}

    /// This rank is done with the unit's unsharded copy; its slot may be used by another unit once all ranks are.
    record Reshard(int unit) implements Instruction {}

    /// Wait until every rank has read what the unit's gradient slot held before.
    record ClaimGradient(int unit) implements Instruction {}

    /// Final norm, head and loss, in training forward and backward in one, with the parameters of `unit`.
    record Loss(int unit) implements Instruction {}

    /// Run the unit backward: its unsharded gradient is complete afterwards.
    record Backward(int unit) implements Instruction {}

    /// Offer this rank's gradient of the unit to the owners of its rows. Nobody writes it until the slot is claimed again.
    record ReduceScatter(int unit) implements Instruction {}

    /// Wait until all ranks' gradients of this rank's rows of the unit (of its part of them, if others hold the same rows) are added, in rank
    /// order, to its accumulator.
    record AwaitReduceScatter(int unit) implements Instruction {}

    /// Take the rest of the sums for this rank's rows of the unit from the ranks that hold the same rows.
    record ShareSums(int unit) implements Instruction {}
}
