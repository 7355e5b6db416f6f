package dev.kintsugi.coordinator.membership;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.coordinator.scheduler.GangScheduler.Host;
import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.Register;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AgentsTest {
    private static final class FakeLink implements AgentLink {
        final List<String> closed = new ArrayList<>();

        @Override
        public void send(AgentCommand command) {}

        @Override
        public void close(String reason) {
            closed.add(reason);
        }
    }

    private final Agents agents = new Agents();
    private final FakeLink link = new FakeLink();

    @Test
    void shouldLoseAnAgentThatIsSilentForLongerThanTenSeconds() {
        agents.register(registration(), link, 0);
        agents.heard("a", link, seconds(1));
        assertThat(agents.expire(seconds(11))).isEmpty();
        assertThat(agents.expire(seconds(11) + 1)).extracting(Agents.Lost::reason).containsExactly("sent nothing for 10 s");
        assertThat(agents.hosts()).isEmpty();
        assertThat(link.closed).hasSize(1);
    }

    @Test
    void shouldReplaceAnAgentThatRegistersAgainAndIgnoreItsOldStream() {
        agents.register(registration(), link, 0);
        var again = new FakeLink();
        assertThat(agents.register(registration(), again, 0)).get().extracting(Agents.Lost::reason).isEqualTo("was started again");
        assertThat(agents.streamEnded("a", link)).isEmpty();
        assertThat(agents.heard("a", link, 1)).isEmpty();
        assertThat(agents.streamEnded("a", again)).isPresent();
    }

    @Test
    void shouldKeepSlotsTakenUntilTheyAreReleased() {
        agents.register(registration(), link, 0);
        var attempt = new AttemptId("job", 1);
        agents.find("a").orElseThrow().lease(attempt, 3);
        assertThat(agents.hosts()).containsExactly(new Host("a", 1));
        agents.find("a").orElseThrow().release(attempt);
        assertThat(agents.hosts()).containsExactly(new Host("a", 4));
    }

    private static Register registration() {
        return Register.newBuilder().setAgentId("a").setHost("h").setSlots(4).build();
    }

    private static long seconds(long n) {
        return Duration.ofSeconds(n).toNanos();
    }
}
