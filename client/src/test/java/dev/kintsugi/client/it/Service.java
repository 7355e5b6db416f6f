package dev.kintsugi.client.it;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A coordinator and one agent (or more, which count as hosts) on this machine, as processes; ended, with what they started, by [#close].
final class Service implements AutoCloseable {
    private static final Pattern JOB_ID = Pattern.compile("\"job_id\"\\s*:\\s*\"([^\"]+)\"");

    private final Path dir;
    private Process coordinator;
    private final List<Process> agents = new ArrayList<>();
    private final String address;

    Service(Path dir, int slots) throws Exception {
        this.dir = dir;
        address = "127.0.0.1:" + startCoordinator("0");
        addAgent(slots);
    }

    /// @return its port
    private String startCoordinator(String port) throws Exception {
        Path portFile = dir.resolve("port");
        Files.deleteIfExists(portFile);
        coordinator = start("coordinator", List.of("coordinator", "--port", port, "--port_file", portFile.toString(), "--state_dir",
                dir.resolve("state").toString()));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!Files.exists(portFile) || Files.readString(portFile).isBlank()) {
            if (System.nanoTime() > deadline || !coordinator.isAlive()) { throw new AssertionError(Files.readString(dir.resolve("coordinator.log"))); }
            TimeUnit.MILLISECONDS.sleep(50);
        }
        return Files.readString(portFile).strip();
    }

    /// SIGKILL, and another on the same port with the same state.
    void replaceCoordinator() throws Exception {
        // The launcher replaces itself by the program, so the process is the coordinator.
        coordinator.destroyForcibly().waitFor();
        startCoordinator(address.substring(address.indexOf(':') + 1));
    }

    /// SIGKILL to the first agent, and another with as many slots.
    void replaceAgent(int slots) throws Exception {
        agents.removeFirst().destroyForcibly().waitFor();
        addAgent(slots);
    }

    void addAgent(int slots) throws IOException {
        agents.add(start("agent-" + agents.size(), List.of("agent", "--slots", Integer.toString(slots), "--coordinator", address)));
    }

    private Process start(String name, List<String> arguments) throws IOException {
        Path log = dir.resolve(name + ".log");
        return Cli.start(dir, log, log, arguments);
    }

    String address() {
        return address;
    }

    /// Its id.
    String newestJob(Path workDir) {
        String jobs = Cli.run(workDir, "jobs", "--json", "--limit", "1", "--coordinator", address).ok().out();
        Matcher id = JOB_ID.matcher(jobs);
        if (!id.find()) { throw new AssertionError(jobs); }
        return id.group(1);
    }

    /// The first one.
    Process agent() {
        return agents.getFirst();
    }

    /// The rank processes of this moment.
    List<ProcessHandle> ranks() {
        return agent().descendants().filter(p -> commandLine(p).contains("RankMain")).toList();
    }

    /// Whole, whereas ProcessHandle gives the first 4 KiB: class paths are longer.
    private static String commandLine(ProcessHandle process) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline"));
        } catch (IOException e) {
            return "";      // it has ended
        }
    }

    @Override
    public void close() throws Exception {
        var all = new ArrayList<>(agents);
        all.add(coordinator);
        for (Process p : all) {
            p.destroy();
            if (!p.waitFor(20, TimeUnit.SECONDS)) {
                p.destroyForcibly();
                throw new AssertionError("did not end on TERM: " + p.info());
            }
        }
    }
}
