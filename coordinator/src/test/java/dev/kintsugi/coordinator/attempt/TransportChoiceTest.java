package dev.kintsugi.coordinator.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.Transport;
import java.util.List;
import org.junit.jupiter.api.Test;

class TransportChoiceTest {
    @Test
    void shouldShareMemoryOnlyWhenAllRanksAreOnOneHost() {
        assertThat(TransportChoice.decide(Transport.TRANSPORT_UNSPECIFIED, List.of("a", "a")).transport()).isEqualTo(Transport.SHM);
        assertThat(TransportChoice.decide(Transport.TRANSPORT_UNSPECIFIED, List.of("a", "b")))
                .isEqualTo(new TransportChoice(Transport.AERON, "ranks are on 2 hosts"));
    }

    @Test
    void shouldDoAsRequested() {
        assertThat(TransportChoice.decide(Transport.AERON, List.of("a", "a")).transport()).isEqualTo(Transport.AERON);
    }
}
