package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.kernel.AttentionMask;

/// What all architectures' attention has in common: rotary embeddings, keys and values of earlier positions, and causal attention itself.
final class SelfAttention {
    private final ModelConfig config;
    private final RotaryTables rotary;
    private final AttentionMask mask;

    SelfAttention(ModelConfig config, RotaryTables rotary) {
        this.config = config;
        this.rotary = rotary;
        this.mask = new AttentionMask(config.attentionWindow());
    }

    /// @param q (N, H * D), overwritten
    /// @param k (N, G * D) where [Positions#newKeys] has them, overwritten
    /// @param v (N, G * D) where [Positions#newValues] has them
    /// @return (N, H * D)
    Variable attend(Tape tape, Variable q, Variable k, Variable v, Positions at) {
        long H = config.numAttentionHeads();
        long G = config.numKeyValueHeads();
        long D = config.headDim();
        long first = at.first();
        Variable queries = tape.rotary(tape.view(q, at.B(), at.T(), H, D), rotary.cos(), rotary.sin(), first, at.inSample());
        Variable keys = tape.rotary(tape.view(k, at.B(), at.T(), G, D), rotary.cos(), rotary.sin(), first, at.inSample());
        Variable values = tape.view(v, at.B(), at.T(), G, D);
        if (at.cache() != null) {
            keys = Variable.of(at.cache().keys(at.block(), 0, first + at.T()).reshape(1, first + at.T(), G, D));
            values = Variable.of(at.cache().values(at.block(), 0, first + at.T()).reshape(1, first + at.T(), G, D));
        }
        return tape.view(tape.attention(queries, keys, values, maskOf(at)), at.rows(), H * D);
    }

    private AttentionMask maskOf(Positions at) {
        return at.inSample() == null ? mask : new AttentionMask(mask.window(), at.inSample());
    }
}
