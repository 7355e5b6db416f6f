package dev.kintsugi.coordinator;

import com.linecorp.armeria.common.grpc.GrpcSerializationFormats;
import com.linecorp.armeria.common.util.EventLoopGroups;
import com.linecorp.armeria.server.Server;
import com.linecorp.armeria.server.grpc.GrpcService;
import dev.kintsugi.coordinator.api.AgentApi;
import dev.kintsugi.coordinator.api.JobApi;
import dev.kintsugi.coordinator.api.RankApi;
import dev.kintsugi.coordinator.control.Conductor;
import dev.kintsugi.coordinator.control.ControlLoop;
import dev.kintsugi.coordinator.control.LivedClock;
import dev.kintsugi.coordinator.control.Membership;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A running coordinator: its state, its control loop and its server, put together and taken apart.
public final class Coordinator implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Coordinator.class);
    private static final long TICK_MS = 50;
    private static final int LEAVE_GRACE_MS = 3000;
    private static final long LEAVE_MS_MAX = 10_000;
    private static final long STOP_MS_MAX = 500;

    private final ExecutorService calls = Executors.newVirtualThreadPerTaskExecutor();
    // Ours to end: as the server's own it would take two quiet seconds to stop.
    private final EventLoopGroup io = EventLoopGroups.newEventLoopGroup(2, "coordinator-io");
    private final ControlLoop loop = new ControlLoop(TICK_MS, this::tick);
    private final Conductor conductor;
    private final Server server;
    private final StateDirectory state;

    private Coordinator(CoordinatorSettings settings) {
        // Both take about a second of loading classes, so they do it side by side.
        var opening = CompletableFuture.supplyAsync(() -> StateDirectory.open(settings.stateDir()));
        var clock = new LivedClock(System.nanoTime());
        conductor = new Conductor(loop, clock, Version.current());
        server = server(settings, new Membership(conductor, clock, Version.current()));
        try {
            state = opening.join();
        } catch (CompletionException e) {
            io.shutdownGracefully(0, 1, TimeUnit.SECONDS);
            throw e.getCause() instanceof StartException s ? s : e;
        }
    }

    /// @throws StartException if the port or the state directory is in use
    public static Coordinator start(CoordinatorSettings settings) {
        var coordinator = new Coordinator(settings);
        try {
            coordinator.conductor.recover(coordinator.state.jobs(), coordinator.state.writer());
            coordinator.loop.start();
            coordinator.server.start().join();
        } catch (RuntimeException e) {
            coordinator.release();
            throw explained(e, settings);
        }
        log.info("listening on {}:{}, state in {}", settings.host(), coordinator.port(), settings.stateDir());
        return coordinator;
    }

    private void tick() {
        conductor.tick();
    }

    private void release() {
        calls.shutdownNow();
        io.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        loop.close();
        state.close();
    }

    private static RuntimeException explained(RuntimeException e, CoordinatorSettings settings) {
        Throwable cause = e instanceof CompletionException && e.getCause() != null ? e.getCause() : e;
        if (cause instanceof BindException || cause instanceof IOException) {
            return new StartException("port %d of %s cannot be listened on (%s); stop what uses it, or pass --port 0 for a free one"
                    .formatted(settings.port(), settings.host(), cause.getMessage()));
        }
        return e;
    }

    private Server server(CoordinatorSettings settings, Membership membership) {
        var health = new HealthStatusManager();
        // Protobuf only: Armeria would generate a JSON marshaller for every message, which takes a second.
        GrpcService grpc = GrpcService.builder().supportedSerializationFormats(GrpcSerializationFormats.PROTO)
                .addService(new JobApi(loop, conductor, calls))
                .addService(new AgentApi(loop, membership)).addService(new RankApi(loop, membership))
                .addService(ProtoReflectionServiceV1.newInstance()).addService(health.getHealthService()).build();
        // Streams last as long as agents, ranks and jobs do, so nothing here may time out or count their bytes.
        return Server.builder().http(new InetSocketAddress(settings.host(), settings.port())).service(grpc)
                .workerGroup(io, false).requestTimeout(Duration.ZERO)
                .maxRequestLength(0).meterRegistry(new CompositeMeterRegistry()).idleTimeout(Duration.ZERO)
                .gracefulShutdownTimeout(Duration.ZERO, Duration.ofSeconds(2))
                .build();
    }

    public int port() {
        return server.activeLocalPort();
    }

    /// Stops running attempts on their agents, then everything else. Jobs stay resumable.
    @Override
    public void close() {
        log.info("shutting down");
        CompletableFuture<Void> left = loop.call(() -> conductor.leave(LEAVE_GRACE_MS)).thenCompose(f -> f);
        if (!isDone(left, LEAVE_MS_MAX)) {
            log.warn("some ranks did not leave in time; their agents end them when this connection closes");
        }
        isDone(loop.call(() -> conductor.closeStreams("the coordinator is shutting down")), STOP_MS_MAX);
        // The port and the connections close at once; the server's own acceptor thread would idle for two more seconds.
        isDone(server.stop(), STOP_MS_MAX);
        release();
        log.info("stopped");
    }

    private static boolean isDone(Future<?> future, long waitMs) {
        try {
            future.get(waitMs, TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            log.error("something could not be stopped", e);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
