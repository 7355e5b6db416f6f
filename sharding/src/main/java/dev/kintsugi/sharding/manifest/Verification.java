package dev.kintsugi.sharding.manifest;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import java.time.format.DateTimeParseException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// What `verified.json` says beside a manifest: all of the checkpoint was read back from storage and found to be what was written.
///
/// @param at when
/// @param kintsugiVersion of the program that read it back
public record Verification(Instant at, String kintsugiVersion) {
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    public Verification {
        requireNonNull(at, "at is null");
        requireNonNull(kintsugiVersion, "kintsugiVersion is null");
    }

    public String toJson() {
        return JSON.writeValueAsString(JSON.createObjectNode().put("verified_at", at.toString()).put("kintsugi_version", kintsugiVersion)) + "\n";
    }

    /// @param source names the file in messages
    /// @throws IllegalArgumentException one sentence: what is wrong, in which file and field, what to do
    public static Verification parse(String json, String source) {
        try {
            Field root = Field.root(JSON.readTree(json));
            return new Verification(Instant.parse(root.get("verified_at").text()), root.get("kintsugi_version").text());
        } catch (JacksonException | DateTimeParseException | IllegalArgumentException e) {
            throw new IllegalArgumentException("%s cannot be used (%s); delete it and run kintsugi checkpoint verify"
                    .formatted(source, e instanceof JacksonException j ? j.getOriginalMessage() : e.getMessage()), e);
        }
    }
}
