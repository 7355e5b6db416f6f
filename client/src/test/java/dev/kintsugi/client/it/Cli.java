package dev.kintsugi.client.it;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// Runs the `kintsugi` launcher as a user would: a process, its exit status, what it printed.
final class Cli {
    static final Path ROOT = root();

    private Cli() {}

    record Result(int status, String out, String err) {
        /// @throws AssertionError with everything that was printed, when the command failed
        Result ok() {
            if (status != 0) { throw new AssertionError("status %d%n%s%n%s".formatted(status, out, err)); }
            return this;
        }
    }

    static Result run(Path workDir, List<String> arguments) {
        return run(workDir, Map.of(), arguments);
    }

    /// @param environment variables besides those of this process
    static Result run(Path workDir, Map<String, String> environment, List<String> arguments) {
        try {
            Path out = Files.createTempFile(workDir, "out", ".txt");
            Path err = Files.createTempFile(workDir, "err", ".txt");
            Process process = start(workDir, environment, out, err, arguments);
            if (!process.waitFor(240, TimeUnit.SECONDS)) {
                process.destroy();
                process.waitFor(10, TimeUnit.SECONDS);
                throw new AssertionError("kintsugi %s did not end%n%s%n%s".formatted(arguments, Files.readString(out), Files.readString(err)));
            }
            return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    static Result run(Path workDir, String... arguments) {
        return run(workDir, List.of(arguments));
    }

    static Process start(Path workDir, Path out, Path err, List<String> arguments) throws IOException {
        return start(workDir, Map.of(), out, err, arguments);
    }

    static Process start(Path workDir, Map<String, String> environment, Path out, Path err, List<String> arguments) throws IOException {
        var command = new ArrayList<String>();
        command.add(ROOT.resolve("kintsugi").toString());
        command.addAll(arguments);
        var builder = new ProcessBuilder(command).directory(workDir.toFile()).redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().putAll(environment);
        return builder.start();
    }

    /// SIGKILL to the process and everything it started; returns when they are gone.
    static void killAll(Process process) throws Exception {
        List<ProcessHandle> all = process.descendants().toList();
        process.destroyForcibly();
        all.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle p : all) { p.onExit().get(20, TimeUnit.SECONDS); }
    }

    private static Path root() {
        Path dir = Path.of("").toAbsolutePath();
        while (!Files.exists(dir.resolve("kintsugi"))) { dir = dir.getParent(); }
        return dir;
    }
}
