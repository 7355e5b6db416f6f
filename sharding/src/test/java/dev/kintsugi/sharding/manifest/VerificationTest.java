package dev.kintsugi.sharding.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VerificationTest {
    @Test
    void shouldReadBackWhatItWrote() {
        var v = new Verification("2026-11-22T14:00:00.5Z", "0.1.0");
        assertThat(Verification.parse(v.toJson(), "verified.json")).isEqualTo(v);
        assertThat(v.toJson()).contains("\"verified_at\" : \"2026-11-22T14:00:00.5Z\"");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "[", "{\"verified_at\": \"yesterday\", \"kintsugi_version\": \"1\"}", "{\"verified_at\": 3}"})
    void shouldSayWhatToDoWithOneThatCannotBeUsed(String json) {
        assertThatThrownBy(() -> Verification.parse(json, "c/verified.json")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("c/verified.json cannot be used (").hasMessageEndingWith("; delete it and run kintsugi checkpoint verify");
    }
}
