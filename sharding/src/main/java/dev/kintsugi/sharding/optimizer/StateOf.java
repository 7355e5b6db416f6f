package dev.kintsugi.sharding.optimizer;

import java.util.List;
import java.util.regex.Pattern;

/// Which parameters a slot is kept for.
public enum StateOf {
    ALL {
        @Override
        boolean has(String parameter, List<Long> shape) {
            return true;
        }
    },
    /// Those of two dimensions or more.
    MATRICES {
        @Override
        boolean has(String parameter, List<Long> shape) {
            return shape.size() > 1;
        }
    },
    /// Those of one.
    VECTORS {
        @Override
        boolean has(String parameter, List<Long> shape) {
            return shape.size() == 1;
        }
    },
    /// Matrices of 4,096 elements or more, but not the token embedding, whose rows are seldom updated.
    LARGE {
        @Override
        boolean has(String parameter, List<Long> shape) {
            return shape.size() > 1 && shape.stream().reduce(1L, Math::multiplyExact) >= LARGE_NUMEL && !EMBEDDING.matcher(parameter).matches();
        }
    },
    /// All others.
    SMALL {
        @Override
        boolean has(String parameter, List<Long> shape) {
            return !LARGE.has(parameter, shape);
        }
    };

    private static final long LARGE_NUMEL = 4096;
    private static final Pattern EMBEDDING = Pattern.compile(".*\\bembed_(tokens|in)\\.weight");

    abstract boolean has(String parameter, List<Long> shape);
}
