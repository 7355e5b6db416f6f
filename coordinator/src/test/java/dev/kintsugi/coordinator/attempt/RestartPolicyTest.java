package dev.kintsugi.coordinator.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.FailureKind;
import org.junit.jupiter.api.Test;

class RestartPolicyTest {
    @Test
    void shouldNotRetryTheCallersMistake() {
        assertThat(RestartPolicy.decide(FailureKind.CALLER, true, 0, 3).restart()).isFalse();
    }

    @Test
    void shouldForgetBarrenAttemptsOnceOneCommitted() {
        var decision = RestartPolicy.decide(FailureKind.WORLD, true, 3, 3);
        assertThat(decision).isEqualTo(new RestartPolicy.Decision(true, 0, "restarting"));
    }

    @Test
    void shouldGiveUpAfterSoManyBarrenAttempts() {
        assertThat(RestartPolicy.decide(FailureKind.WORLD, false, 1, 2).restart()).isTrue();
        var last = RestartPolicy.decide(FailureKind.BUG, false, 2, 2);
        assertThat(last.restart()).isFalse();
        assertThat(last.reason()).isEqualTo("given up after 3 attempts in a row without a new checkpoint (--max_restarts=2)");
    }

    @Test
    void shouldNeverRestartWhenNoneIsAllowed() {
        assertThat(RestartPolicy.decide(FailureKind.WORLD, true, 0, 0).restart()).isFalse();
    }
}
