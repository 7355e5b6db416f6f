package dev.kintsugi.worker.agent;

import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.AgentEvent;
import dev.kintsugi.proto.v1.AgentHeartbeat;
import dev.kintsugi.proto.v1.AttemptCleared;
import dev.kintsugi.proto.v1.Register;
import dev.kintsugi.proto.v1.StopAttempt;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Attends to the coordinator: registers, reports, obeys. When the stream breaks it stops its ranks, which nobody supervises any
/// more, and connects again with growing pauses.
///
/// All state belongs to one thread, `agent`; gRPC's threads and process exits only hand work to it.
final class Agent implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Agent.class);
    private static final long HEARTBEAT_MS = 1000;
    private static final long RETRY_MS_MIN = 250;
    private static final long RETRY_MS_MAX = 10_000;
    private static final Duration CLOSE_AT_MOST = Duration.ofSeconds(8);

    private final AgentConfig config;
    private final HostDirectory directory;
    private final HostDirectory aeronHome;     // the same, where there is room for the driver's buffers
    private final MediaDriverHost mediaDriver;
    private final ScheduledExecutorService agentThread = Executors
            .newSingleThreadScheduledExecutor(Thread.ofPlatform().name("agent").daemon().factory());
    private final CompletableFuture<Integer> exitStatus = new CompletableFuture<>();
    private final Attempts attempts;

    private CoordinatorLink link;             // null between streams
    private boolean welcomed;
    private boolean closing;
    private long retryMs = RETRY_MS_MIN;
    private long lostSinceNs = System.nanoTime();

    Agent(AgentConfig config, Path memoryFileSystem) {
        this.config = config;
        sweep(memoryFileSystem);
        sweep(config.workDirectory());
        directory = HostDirectory.create(memoryFileSystem);
        aeronHome = MediaDrivers.fitsIn(memoryFileSystem) ? directory : HostDirectory.create(config.workDirectory());
        mediaDriver = new MediaDriverHost(aeronHome.path().resolve("aeron"));
        attempts = new Attempts(config, directory.path(), mediaDriver, agentThread, this::send);
    }

    private static void sweep(Path parent) {
        HostDirectory.sweep(parent).forEach(p -> LOG.info("swept {}, left by an agent that is gone", p));
    }

    /// Returns when the agent has to end.
    ///
    /// @return the process's exit status
    int run() {
        agentThread.execute(this::connect);
        agentThread.scheduleAtFixedRate(this::heartbeat, HEARTBEAT_MS, HEARTBEAT_MS, TimeUnit.MILLISECONDS);
        return exitStatus.join();
    }

    private void connect() {
        if (closing) { return; }
        var opened = new CompletableFuture<CoordinatorLink>();
        link = new CoordinatorLink(config.coordinatorHost(), config.coordinatorPort(), new CoordinatorLink.Listener() {
            @Override
            public void received(AgentCommand command) {
                opened.thenAccept(from -> onAgentThread(() -> obey(from, command)));
            }

            @Override
            public void lost(String reason) {
                opened.thenAccept(from -> onAgentThread(() -> Agent.this.lost(from, reason)));
            }
        });
        opened.complete(link);           // before Register, so that no command can come earlier
        send(AgentEvent.newBuilder().setRegister(Register.newBuilder().setAgentId(config.id()).setHost(hostName()).setSlots(config.slots())
                .setAddress(config.address())).build());
    }

    private void onAgentThread(Runnable work) {
        try {
            agentThread.execute(work);
        } catch (RejectedExecutionException _) {
            // The agent has ended.
        }
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException _) {
            return "unknown";
        }
    }

    private void obey(CoordinatorLink from, AgentCommand command) {
        if (from != link || closing) { return; }
        switch (command.getCommandCase()) {
            case WELCOME -> welcome(command.getWelcome().getCoordinatorVersion());
            case START_RANKS -> attempts.start(command.getStartRanks());
            case STOP_ATTEMPT -> stop(command.getStopAttempt());
            case COMMAND_NOT_SET -> LOG.warn("the coordinator sent a command that this version does not know");
        }
    }

    private void welcome(String version) {
        welcomed = true;
        retryMs = RETRY_MS_MIN;
        LOG.info("agent {} attends to the coordinator at {} (version {}): {} slot(s), address {}", config.id(), config.coordinator(), version,
                config.slots(), config.address());
    }

    private void stop(StopAttempt order) {
        attempts.stop(order.getJobId(), order.getGeneration(), Duration.ofMillis(order.getGraceMs()), () -> send(AgentEvent.newBuilder()
                .setAttemptCleared(AttemptCleared.newBuilder().setJobId(order.getJobId()).setGeneration(order.getGeneration())).build()));
    }

    private void heartbeat() {
        if (welcomed) { send(AgentEvent.newBuilder().setHeartbeat(AgentHeartbeat.getDefaultInstance()).build()); }
    }

    private void send(AgentEvent event) {
        if (link != null) { link.send(event); }
    }

    private void lost(CoordinatorLink from, String reason) {
        if (from != link || closing) { return; }
        if (welcomed) { lostSinceNs = System.nanoTime(); }
        welcomed = false;
        link.close();
        link = null;
        if (config.exitWithParent() && System.nanoTime() - lostSinceNs > config.patience().toNanos()) {
            LOG.error("the coordinator at {} cannot be reached: {}; the agent ends", config.coordinator(), reason);
            exitStatus.complete(1);
            return;
        }
        LOG.warn("no coordinator at {}: {}; stopping all ranks and trying again in {} ms", config.coordinator(), reason, retryMs);
        attempts.stopAll(config.grace(), () -> agentThread.schedule(this::connect, retryMs, TimeUnit.MILLISECONDS));
        retryMs = Math.min(2 * retryMs, config.exitWithParent() ? 4 * RETRY_MS_MIN : RETRY_MS_MAX);
    }

    /// Stops all ranks and deletes all directories; takes 8 seconds at most.
    @Override
    public void close() {
        if (agentThread.isShutdown()) { return; }
        var cleared = new CompletableFuture<Void>();
        agentThread.execute(() -> attempts.stopAll(config.grace(), () -> cleared.complete(null)));
        try {
            cleared.get(CLOSE_AT_MOST.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException _) {
            attempts.killAll();
        } catch (InterruptedException _) {
            attempts.killAll();
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw new AssertionError(e);
        }
        release();
    }

    private void release() {
        var released = agentThread.submit(() -> {
            closing = true;
            if (link != null) { link.close(); }
            mediaDriver.close();
            aeronHome.close();
            directory.close();
        });
        try {
            released.get(CLOSE_AT_MOST.toMillis(), TimeUnit.MILLISECONDS);
        } catch (Exception e) {
            LOG.warn("the agent's directories could not be released: {}", e.toString());
        }
        agentThread.shutdownNow();
        exitStatus.complete(0);
    }
}
