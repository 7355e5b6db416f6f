package dev.kintsugi.worker.agent;

import dev.kintsugi.proto.v1.AgentEvent;
import dev.kintsugi.proto.v1.RankExited;
import dev.kintsugi.proto.v1.RankStarted;
import dev.kintsugi.proto.v1.StartRanks;
import dev.kintsugi.worker.agent.Attempt.Key;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// All attempts that have ranks on this host. Confined to the agent's thread; process exits come back to it.
final class Attempts {
    private static final Logger LOG = LoggerFactory.getLogger(Attempts.class);
    private static final int CANNOT_START = 126;        // as a shell reports a command that it cannot run

    private final AgentConfig config;
    private final Path directory;
    private final MediaDriverHost mediaDriver;
    private final ScheduledExecutorService agentThread;
    private final Consumer<AgentEvent> events;
    private final Map<Key, Attempt> attempts = new HashMap<>();

    Attempts(AgentConfig config, Path directory, MediaDriverHost mediaDriver, ScheduledExecutorService agentThread,
            Consumer<AgentEvent> events) {
        this.config = config;
        this.directory = directory;
        this.mediaDriver = mediaDriver;
        this.agentThread = agentThread;
        this.events = events;
    }

    void start(StartRanks order) {
        var key = new Key(order.getJobId(), order.getGeneration());
        Attempt attempt = attempts.computeIfAbsent(key, k -> new Attempt(directory.resolve(k.toString())));
        for (int rank : order.getRanksList()) {
            if (attempt.holds(rank)) {
                LOG.warn("job {} generation {}: rank {} runs already; order ignored", key.jobId(), key.generation(), rank);
                continue;
            }
            try {
                start(order, key, attempt, rank);
            } catch (IOException | RuntimeException e) {
                LOG.error("job {} generation {}: cannot start rank {}: {}", key.jobId(), key.generation(), rank, e.toString());
                events.accept(exited(key, rank, CANNOT_START, "agent %s cannot start rank %d: %s".formatted(config.id(), rank, e)));
            }
        }
        if (attempt.isClear()) { clear(key, attempt); }
    }

    private void start(StartRanks order, Key key, Attempt attempt, int rank) throws IOException {
        Files.createDirectories(attempt.shmDirectory());
        mediaDriver.start();
        RankLog log = RankLog.open(Path.of(order.getLogDir()), rank, key.generation(), config.id());
        List<String> command = RankCommand.of(config, order, rank, attempt.shmDirectory(), mediaDriver.directory());
        RankProcess process = RankProcess.start(command, log);
        attempt.add(rank, process);
        LOG.info("job {} generation {}: rank {} of {} started, pid {}, log {}", key.jobId(), key.generation(), rank, order.getWorldSize(),
                process.pid(), log.file());
        events.accept(AgentEvent.newBuilder().setRankStarted(RankStarted.newBuilder().setJobId(key.jobId()).setGeneration(key.generation())
                .setRank(rank).setPid(process.pid())).build());
        process.onExit().thenAccept(status -> agentThread.execute(() -> exited(key, attempt, rank, process, status)));
    }

    private void exited(Key key, Attempt attempt, int rank, RankProcess process, int status) {
        LOG.info("job {} generation {}: rank {} (pid {}) exited with status {}", key.jobId(), key.generation(), rank, process.pid(), status);
        attempt.remove(rank);
        events.accept(exited(key, rank, status, process.lastWords()));
        if (attempt.isClear()) { clear(key, attempt); }
    }

    private static AgentEvent exited(Key key, int rank, int status, String lastWords) {
        return AgentEvent.newBuilder().setRankExited(RankExited.newBuilder().setJobId(key.jobId()).setGeneration(key.generation())
                .setRank(rank).setExitStatus(status).setLastWords(lastWords)).build();
    }

    private void clear(Key key, Attempt attempt) {
        attempts.remove(key);
        HostDirectory.delete(attempt.shmDirectory());
        if (attempts.isEmpty()) { mediaDriver.close(); }
        attempt.cleared();
    }

    /// Asks the attempt's ranks to leave, kills them after `grace`, and runs `cleared` when nothing of them is left.
    void stop(String jobId, long generation, Duration grace, Runnable cleared) {
        Attempt attempt = attempts.get(new Key(jobId, generation));
        if (attempt == null) {
            cleared.run();
            return;
        }
        attempt.whenClear(cleared);
        attempt.ask();
        agentThread.schedule(attempt::kill, grace.toMillis(), TimeUnit.MILLISECONDS);
    }

    /// [#stop] of everything.
    void stopAll(Duration grace, Runnable cleared) {
        var keys = new ArrayList<>(attempts.keySet());
        if (keys.isEmpty()) {
            cleared.run();
            return;
        }
        LOG.info("stopping {} attempt(s)", keys.size());
        for (Key key : keys) {
            stop(key.jobId(), key.generation(), grace, () -> {
                if (attempts.isEmpty()) { cleared.run(); }
            });
        }
    }

    /// Without asking: for when there is no time left.
    void killAll() {
        attempts.values().forEach(Attempt::kill);
    }
}
