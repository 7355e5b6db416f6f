package dev.kintsugi.worker.agent;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `kintsugi agent`: runs this host's ranks for a coordinator until it is told to stop (SIGTERM or SIGINT).
@Command(name = "agent", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Runs this host's ranks for a coordinator. One agent a host.")
public final class AgentMain implements Callable<Integer> {
    private static final Pattern HOST_PORT = Pattern.compile("(?:\\[(?<v6>[^]]+)]|(?<host>[^:]+)):(?<port>\\d{1,5})");
    private static final int PARENT_GONE = 0;

    @Spec
    private CommandSpec spec;

    @Option(names = "--slots", required = true, paramLabel = "N", description = "How many ranks this host can run at a time.")
    private int slots;

    @Option(names = "--coordinator", required = true, paramLabel = "HOST:PORT", description = "Where the coordinator listens.")
    private String coordinator;

    @Option(names = "--address", paramLabel = "IP",
            description = "This host's address for data between hosts (default: the one that the coordinator is reached from).")
    private String address;

    @Option(names = "--work_dir", paramLabel = "DIR", description = "For files too large for /dev/shm (default: ${DEFAULT-VALUE}).",
            defaultValue = "${sys:java.io.tmpdir}")
    private Path workDirectory;

    @Option(names = "--id", paramLabel = "ID", description = "Names this agent (default: host name and process id).")
    private String id;

    @Option(names = "--exit_with_parent", description = "End when standard input ends or the coordinator is gone.")
    private boolean exitWithParent;

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new AgentMain()).setParameterExceptionHandler((e, _) -> fail(e, CommandLine.ExitCode.USAGE))
                .setExecutionExceptionHandler((e, _, _) -> fail(e, 1)).execute(arguments));
    }

    private static int fail(Exception e, int status) {
        System.err.println("kintsugi agent: " + e.getMessage() + (status == CommandLine.ExitCode.USAGE ? " (kintsugi agent --help)" : ""));
        return status;
    }

    @Override
    public Integer call() {
        AgentConfig config = config();
        var agent = new Agent(config, HostDirectory.memoryFileSystem(config.workDirectory()));
        Runtime.getRuntime().addShutdownHook(new Thread(agent::close, "agent-close"));
        if (exitWithParent) { ParentWatch.exitOnEof(System.in, PARENT_GONE); }
        return agent.run();
    }

    private AgentConfig config() {
        Matcher hostPort = HOST_PORT.matcher(coordinator);
        if (!hostPort.matches() || Integer.parseInt(hostPort.group("port")) > 65535) {
            throw usage("--coordinator %s: must be HOST:PORT, as in 10.0.0.1:7800".formatted(coordinator));
        }
        if (slots < 1) { throw usage("--slots %d: must be at least 1".formatted(slots)); }
        if (!Files.isDirectory(workDirectory) || !Files.isWritable(workDirectory)) {
            throw usage("--work_dir %s: must be a directory that can be written to".formatted(workDirectory));
        }
        String host = hostPort.group("v6") == null ? hostPort.group("host") : hostPort.group("v6");
        int port = Integer.parseInt(hostPort.group("port"));
        return new AgentConfig(id == null ? defaultId() : id, slots, host, port, address == null ? addressTowards(host, port) : address,
                workDirectory, exitWithParent, AgentConfig.RANK_MAIN, Duration.ofSeconds(5), Duration.ofSeconds(5));
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private static String defaultId() {
        try {
            return InetAddress.getLocalHost().getHostName() + "-" + ProcessHandle.current().pid();
        } catch (UnknownHostException _) {
            return "agent-" + ProcessHandle.current().pid();
        }
    }

    /// The address that packets to the coordinator carry; connecting a UDP socket sends nothing.
    private String addressTowards(String host, int port) {
        try (var socket = new DatagramSocket()) {
            socket.connect(new InetSocketAddress(InetAddress.getByName(host), Math.max(1, port)));
            return socket.getLocalAddress().getHostAddress();
        } catch (UnknownHostException _) {
            throw usage("--coordinator %s: there is no host %s".formatted(coordinator, host));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
