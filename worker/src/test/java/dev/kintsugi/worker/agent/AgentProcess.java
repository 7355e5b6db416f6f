package dev.kintsugi.worker.agent;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// An agent as a process of its own, with [TestRank] for ranks. Arguments: coordinator's port, memory and work directory.
public final class AgentProcess {
    private AgentProcess() {}

    public static void main(String[] arguments) {
        var config = new AgentConfig("node-a", 4, "127.0.0.1", Integer.parseInt(arguments[0]), "127.0.0.1", Path.of(arguments[2]), false,
                List.of(TestRank.class.getName()), Duration.ofSeconds(2), Duration.ofSeconds(5));
        var agent = new Agent(config, Path.of(arguments[1]));
        Runtime.getRuntime().addShutdownHook(new Thread(agent::close));
        ParentWatch.exitOnEof(System.in, 0);
        System.exit(agent.run());
    }
}
