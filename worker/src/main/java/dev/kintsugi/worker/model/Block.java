package dev.kintsugi.worker.model;

import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;

/// One transformer block of an architecture. Holds no weights. The output lies below everything else that the block allocates; a tape that
/// does not record leaves nothing but it. `sharding.estimate` has a formula of what each leaves and needs, to the byte.
interface Block {
    /// @param weights the block's unit
    /// @param x (N, C)
    /// @return (N, C); not computed when the pass is a recomputation
    Variable forward(Tape tape, UnitParameters weights, Variable x, Positions at, Pass pass);
}
