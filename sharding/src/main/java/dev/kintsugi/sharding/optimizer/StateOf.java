package dev.kintsugi.sharding.optimizer;

import java.util.List;

/// Which parameters a slot is kept for.
public enum StateOf {
    ALL {
        @Override
        boolean has(List<Long> shape) {
            return true;
        }
    },
    /// Those of two dimensions or more.
    MATRICES {
        @Override
        boolean has(List<Long> shape) {
            return shape.size() > 1;
        }
    },
    /// Those of one.
    VECTORS {
        @Override
        boolean has(List<Long> shape) {
            return shape.size() == 1;
        }
    };

    abstract boolean has(List<Long> shape);
}
