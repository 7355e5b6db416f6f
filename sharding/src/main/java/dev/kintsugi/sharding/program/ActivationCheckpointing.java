package dev.kintsugi.sharding.program;

import java.util.Locale;

/// What a block's forward pass keeps for its backward pass. All give the same bits.
public enum ActivationCheckpointing {
    /// The outputs of matrix products and of norms. The product of SwiGLU's two halves is never kept: backward has it for nothing.
    NONE,
    /// The outputs of matrix products; norms are made once more.
    SELECTIVE,
    /// The block's output alone; everything else is made once more.
    FULL;

    /// As people write it: none, selective or full.
    public String flag() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// The inverse of [#flag].
    ///
    /// @throws IllegalArgumentException if there is no such constant
    public static ActivationCheckpointing of(String flag) {
        return valueOf(flag.toUpperCase(Locale.ROOT));
    }
}
