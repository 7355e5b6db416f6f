package dev.kintsugi.worker.model;

/// What a block's forward pass is for.
public enum Pass {
    /// Keeps all that backward reads but what it makes again for nothing.
    KEEP_NORMS,
    /// Keeps the outputs of matrix products, and makes the norms again in backward.
    KEEP_PRODUCTS,
    /// Like [#KEEP_PRODUCTS], for the backward pass of a block whose output is known already.
    RECOMPUTE;

    boolean keepsNorms() {
        return this == KEEP_NORMS;
    }

    /// Whether the block's last products are computed.
    boolean computesOutput() {
        return this != RECOMPUTE;
    }
}
