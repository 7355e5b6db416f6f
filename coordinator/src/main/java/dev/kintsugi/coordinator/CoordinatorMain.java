package dev.kintsugi.coordinator;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `kintsugi coordinator`: runs until it is told to stop.
@Command(name = "coordinator", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Queues jobs, runs them on agents, and commits their checkpoints. Stops on SIGTERM or SIGINT.")
public final class CoordinatorMain implements Callable<Integer> {
    @Option(names = "--host", paramLabel = "ADDRESS", defaultValue = "127.0.0.1",
            description = "address to listen on; 0.0.0.0 for agents on other hosts (default: ${DEFAULT-VALUE})")
    private String host;

    @Option(names = "--port", paramLabel = "PORT", defaultValue = "7780",
            description = "port to listen on; 0 picks a free one (default: ${DEFAULT-VALUE})")
    private int port;

    @Option(names = "--state_dir", paramLabel = "DIR",
            description = "where jobs are remembered (default: $XDG_STATE_HOME/kintsugi or ~/.local/state/kintsugi)")
    private Path stateDir;

    @Option(names = "--port_file", paramLabel = "FILE", description = "write the port here once it is open")
    private Path portFile;

    @Option(names = "--exit_with_parent", description = "stop when standard input ends")
    private boolean exitWithParent;

    private final CountDownLatch stop = new CountDownLatch(1);

    public static void main(String[] args) {
        System.exit(new CommandLine(new CoordinatorMain()).setExecutionExceptionHandler(CoordinatorMain::explain).execute(args));
    }

    private static int explain(Exception e, CommandLine command, CommandLine.ParseResult parsed) throws Exception {
        if (!(e instanceof StartException) && !(e instanceof IllegalArgumentException)) { throw e; }
        System.err.println("kintsugi coordinator: " + e.getMessage());
        return e instanceof StartException ? 1 : 2;
    }

    @Override
    public Integer call() throws InterruptedException {
        var stopped = new CountDownLatch(1);
        try (Coordinator coordinator = Coordinator.start(new CoordinatorSettings(host, port, stateDirectory()))) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> stopAndWait(stopped), "stop"));
            writePortFile(coordinator.port());
            System.out.printf("kintsugi coordinator listening on %s:%d%n", host, coordinator.port());
            System.out.flush();
            if (exitWithParent) { Thread.ofPlatform().daemon().name("parent").start(this::stopAtEndOfInput); }
            stop.await();
        } finally {
            stopped.countDown();
        }
        return 0;
    }

    private Path stateDirectory() {
        if (stateDir != null) { return stateDir.toAbsolutePath(); }
        String xdg = System.getenv("XDG_STATE_HOME");
        Path base = xdg == null || xdg.isBlank() ? Path.of(System.getProperty("user.home"), ".local", "state") : Path.of(xdg);
        return base.resolve("kintsugi");
    }

    // A reader sees the whole number or no file.
    private void writePortFile(int boundPort) {
        if (portFile == null) { return; }
        try {
            Path target = portFile.toAbsolutePath();
            Path temporary = target.resolveSibling(target.getFileName() + ".tmp");
            Files.writeString(temporary, boundPort + "\n");
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new StartException("--port_file=%s is not writable (%s); name a file in a directory that exists"
                    .formatted(portFile, e));
        }
    }

    private void stopAtEndOfInput() {
        try {
            while (System.in.read() >= 0) {
                // What the parent writes means nothing; only its end does.
            }
        } catch (IOException e) {
            // A broken pipe is an end, too.
        }
        stop.countDown();
    }

    // The virtual machine halts when its hooks return, so this one returns when the coordinator is closed.
    private void stopAndWait(CountDownLatch stopped) {
        stop.countDown();
        try {
            stopped.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
