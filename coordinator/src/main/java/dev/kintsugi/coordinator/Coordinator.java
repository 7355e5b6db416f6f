package dev.kintsugi.coordinator;

import com.linecorp.armeria.common.util.EventLoopGroups;
import com.linecorp.armeria.server.Server;
import com.linecorp.armeria.server.grpc.GrpcService;
import dev.kintsugi.coordinator.api.AgentApi;
import dev.kintsugi.coordinator.api.JobApi;
import dev.kintsugi.coordinator.api.RankApi;
import dev.kintsugi.coordinator.control.Conductor;
import dev.kintsugi.coordinator.control.ControlLoop;
import dev.kintsugi.coordinator.control.Membership;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A running coordinator: its state, its control loop and its server, put together and taken apart.
public final class Coordinator implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Coordinator.class);
    private static final long TICK_MS = 50;
    private static final int LEAVE_GRACE_MS = 3000;
    private static final long LEAVE_SECONDS_MAX = 10;
    private static final long STOP_MS_MAX = 500;

    private final StateDirectory state;
    private final ExecutorService calls = Executors.newVirtualThreadPerTaskExecutor();
    private final Conductor conductor;
    private final ControlLoop loop;
    // Ours to end: as the server's own it would take two quiet seconds to stop.
    private final EventLoopGroup io = EventLoopGroups.newEventLoopGroup(2, "coordinator-io");
    private final Server server;

    private Coordinator(CoordinatorSettings settings, StateDirectory state) {
        this.state = state;
        String version = Version.current();
        var ticking = new Conductor[1];
        loop = new ControlLoop(TICK_MS, () -> ticking[0].tick());
        conductor = new Conductor(loop, System::nanoTime, state.store(), version);
        ticking[0] = conductor;
        server = server(settings, new Membership(conductor, System::nanoTime, version));
    }

    /// @throws StartException if the port or the state directory is in use
    public static Coordinator start(CoordinatorSettings settings) {
        StateDirectory state = StateDirectory.open(settings.stateDir());
        var coordinator = new Coordinator(settings, state);
        try {
            coordinator.conductor.recover();
            coordinator.loop.start();
            coordinator.server.start().join();
        } catch (RuntimeException e) {
            coordinator.loop.close();
            coordinator.io.shutdownGracefully(0, 1, TimeUnit.SECONDS);
            state.close();
            throw explained(e, settings);
        }
        log.info("listening on {}:{}, state in {}", settings.host(), coordinator.port(), settings.stateDir());
        return coordinator;
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
        GrpcService grpc = GrpcService.builder().addService(new JobApi(loop, conductor, calls))
                .addService(new AgentApi(loop, membership)).addService(new RankApi(loop, membership))
                .addService(ProtoReflectionServiceV1.newInstance()).addService(health.getHealthService()).build();
        // Streams last as long as agents, ranks and jobs do, so nothing here may time out or count their bytes.
        return Server.builder().http(new InetSocketAddress(settings.host(), settings.port())).service(grpc)
                .workerGroup(io, false).requestTimeout(Duration.ZERO)
                .maxRequestLength(0).idleTimeout(Duration.ZERO).gracefulShutdownTimeout(Duration.ZERO, Duration.ofSeconds(2))
                .build();
    }

    public int port() {
        return server.activeLocalPort();
    }

    /// Stops running attempts on their agents, then everything else. Jobs stay resumable.
    @Override
    public void close() {
        log.info("shutting down");
        stopAttempts();
        loop.call(() -> {
            conductor.closeStreams("the coordinator is shutting down");
            return true;
        }).orTimeout(1, TimeUnit.SECONDS).exceptionally(_ -> false).join();
        // The port and the connections close at once; the server's own acceptor thread would idle for two more seconds.
        server.stop().orTimeout(STOP_MS_MAX, TimeUnit.MILLISECONDS).exceptionally(_ -> null).join();
        io.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        calls.shutdownNow();
        loop.close();
        state.close();
        log.info("stopped");
    }

    private void stopAttempts() {
        try {
            loop.call(() -> conductor.leave(LEAVE_GRACE_MS)).get(LEAVE_SECONDS_MAX, TimeUnit.SECONDS)
                    .get(LEAVE_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            log.warn("some ranks did not leave within {} s; their agents will end them when this connection closes",
                    LEAVE_SECONDS_MAX);
        } catch (ExecutionException e) {
            log.error("attempts could not be stopped", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
