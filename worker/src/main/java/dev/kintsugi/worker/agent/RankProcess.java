package dev.kintsugi.worker.agent;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/// A rank as a child process. Its standard input is a pipe that nobody writes to: when the agent dies, the rank reads its end
/// and leaves.
final class RankProcess {
    private final Process process;
    private final RankLog log;

    private RankProcess(Process process, RankLog log) {
        this.process = process;
        this.log = log;
    }

    static RankProcess start(List<String> command, RankLog log) throws IOException {
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(Redirect.appendTo(log.file().toFile()));
        builder.environment().put("MALLOC_ARENA_MAX", "1");      // compilers' memory, once freed, stays resident in each of many arenas
        return new RankProcess(builder.start(), log);
    }

    long pid() {
        return process.pid();
    }

    /// Completed with the exit status: 128 + signal when killed by one.
    CompletableFuture<Integer> onExit() {
        return process.onExit().thenApply(Process::exitValue);
    }

    String lastWords() {
        return log.lastWords();
    }

    /// SIGTERM. `Process#destroy` would also close the pipe, and the rank could not tell an order from the agent's death.
    void ask() {
        process.toHandle().destroy();
    }

    void kill() {
        process.toHandle().destroyForcibly();
    }
}
