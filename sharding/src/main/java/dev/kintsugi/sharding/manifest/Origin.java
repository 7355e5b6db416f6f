package dev.kintsugi.sharding.manifest;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.proto.v1.ShardingStrategy;
import java.util.regex.Pattern;

/// Where a checkpoint comes from.
///
/// @param kintsugiVersion of the program that wrote it
/// @param savedAt when it was committed, as `java.time.Instant` writes it: `2026-11-22T14:00:00Z`
/// @param strategy by which the model was cut
/// @param ranks that trained, those of all copies of the model
public record Origin(String kintsugiVersion, String savedAt, ShardingStrategy strategy, int ranks) {
    private static final Pattern INSTANT = Pattern.compile("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?Z");

    public Origin {
        requireNonNull(kintsugiVersion, "kintsugiVersion is null");
        requireNonNull(strategy, "strategy is null");
        requireInstant("saved_at", savedAt);
        if (ranks < 1) { throw new IllegalArgumentException("ranks=%d; must be >= 1".formatted(ranks)); }
    }

    static void requireInstant(String field, String text) {
        if (!INSTANT.matcher(text).matches()) { throw new IllegalArgumentException("%s=%s is not like 2026-11-22T14:00:00Z".formatted(field, text)); }
    }

    static ShardingStrategy strategy(String name) {
        for (ShardingStrategy s : ShardingStrategy.values()) {
            if (s.name().equals(name)) { return s; }
        }
        throw new IllegalArgumentException("strategy=%s is not a sharding strategy".formatted(name));
    }
}
