package dev.kintsugi.client.local;

import dev.kintsugi.client.service.CommandException;
import dev.kintsugi.client.service.ServiceAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// One coordinator and one agent on this machine. The coordinator comes first and alone, so that a job it refuses is refused quickly;
/// the agent is started once there is work for it.
public final class LocalCluster implements AutoCloseable {
    private static final long START_SECONDS = 60;
    private static final long POLL_MS = 20;

    private final LocalState state = new LocalState();
    private Child coordinator;
    private Child agent;

    /// @return where the coordinator listens, once it does
    /// @throws CommandException with its last line, when it ends before that
    public ServiceAddress startCoordinator() {
        Path portFile = state.resolve("port");
        coordinator = Child.start(List.of("coordinator", "--port", "0", "--port_file", portFile.toString(), "--state_dir",
                state.resolve("state").toString(), "--exit_with_parent"));
        long deadlineNs = System.nanoTime() + START_SECONDS * 1_000_000_000L;
        int before = 0;
        while (System.nanoTime() < deadlineNs) {
            int port = readPort(portFile);
            // Read twice: half of a number is a number too.
            if (port > 0 && port == before) { return new ServiceAddress("127.0.0.1", port); }
            before = port;
            if (!coordinator.isAlive()) { throw coordinator.death(); }
            pause();
        }
        throw new CommandException(
                "the coordinator did not start within %d s; the machine may be short of memory.".formatted(START_SECONDS));
    }

    public void startAgent(ServiceAddress address, int slots) {
        agent = Child.start(
                List.of("agent", "--slots", Integer.toString(slots), "--coordinator", address.toString(), "--exit_with_parent"));
    }

    /// Keeps the logs of both processes in `directory`, from their beginning.
    public void logTo(Path directory) {
        coordinator.logTo(directory.resolve("coordinator.log"));
        agent.logTo(directory.resolve("agent.log"));
    }

    /// @param action run once, on some thread, when the agent is gone
    public void whenAgentGone(Runnable action) {
        agent.whenGone(action);
    }

    /// @return why a process of the cluster is gone, or null while they live
    public CommandException death() {
        return Stream.of(coordinator, agent)
                .filter(child -> child != null && !child.isAlive())
                .findFirst().map(Child::death).orElse(null);
    }

    private static int readPort(Path file) {
        try {
            return Files.exists(file) ? Integer.parseInt(Files.readString(file).strip()) : 0;
        } catch (IOException | NumberFormatException _) {
            return 0;
        }
    }

    private static void pause() {
        try {
            Thread.sleep(POLL_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandException("interrupted while the coordinator was starting.", e);
        }
    }

    /// Returns when both processes, and what they started, are gone.
    @Override
    public void close() {
        // The agent first: it still reports its ranks' end to the coordinator.
        if (agent != null) { agent.stop(); }
        if (coordinator != null) { coordinator.stop(); }
        state.close();
    }

    /// Ends both at once, without asking.
    public void kill() {
        Stream.of(agent, coordinator).filter(child -> child != null).forEach(Child::kill);
    }
}
