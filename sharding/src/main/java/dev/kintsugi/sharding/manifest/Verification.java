package dev.kintsugi.sharding.manifest;

import static java.util.Objects.requireNonNull;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// What `verified.json` says beside a manifest: all of the checkpoint was read back from storage and found to be what was written.
///
/// @param at when, as `java.time.Instant` writes it: `2026-11-22T14:00:00Z`
/// @param kintsugiVersion of the program that read it back
public record Verification(String at, String kintsugiVersion) {
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    public Verification {
        requireNonNull(kintsugiVersion, "kintsugiVersion is null");
        Origin.requireInstant("verified_at", at);
    }

    public String toJson() {
        return JSON.writeValueAsString(JSON.createObjectNode().put("verified_at", at).put("kintsugi_version", kintsugiVersion)) + "\n";
    }

    /// @param source names the file in messages
    /// @throws IllegalArgumentException one sentence: what is wrong, in which file and field, what to do
    public static Verification parse(String json, String source) {
        try {
            Field root = Field.root(JSON.readTree(json));
            return new Verification(root.get("verified_at").text(), root.get("kintsugi_version").text());
        } catch (JacksonException | IllegalArgumentException e) {
            throw new IllegalArgumentException("%s cannot be used (%s); delete it and run kintsugi checkpoint verify"
                    .formatted(source, e instanceof JacksonException j ? j.getOriginalMessage() : e.getMessage()), e);
        }
    }
}
