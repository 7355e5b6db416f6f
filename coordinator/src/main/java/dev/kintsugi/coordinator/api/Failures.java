package dev.kintsugi.coordinator.api;

import dev.kintsugi.coordinator.job.InvalidJobException;
import dev.kintsugi.coordinator.job.JobWatch;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Our errors as gRPC statuses. The description is the sentence for people.
final class Failures {
    private static final Logger log = LoggerFactory.getLogger(Failures.class);

    private Failures() {}

    static StatusRuntimeException status(Throwable error) {
        return switch (error) {
            case CompletionException e when e.getCause() != null -> status(e.getCause());
            case ExecutionException e when e.getCause() != null -> status(e.getCause());
            case StatusRuntimeException e -> e;
            case InvalidJobException e -> as(Status.INVALID_ARGUMENT, e);
            case NoSuchElementException e -> as(Status.NOT_FOUND, e);
            case JobWatch.FellBehindException e -> as(Status.RESOURCE_EXHAUSTED, e);
            case IllegalStateException e -> as(Status.UNAVAILABLE, e);
            case IOException e -> as(Status.UNAVAILABLE, e);
            case TimeoutException _ -> Status.DEADLINE_EXCEEDED
                    .withDescription("the coordinator did not answer in time; ask again").asRuntimeException();
            case InterruptedException _ -> Status.UNAVAILABLE.withDescription("the coordinator is shutting down")
                    .asRuntimeException();
            default -> bug(error);
        };
    }

    private static StatusRuntimeException as(Status status, Exception e) {
        return status.withDescription(e.getMessage()).asRuntimeException();
    }

    private static StatusRuntimeException bug(Throwable error) {
        log.error("a bug of Kintsugi, please report it", error);
        return Status.INTERNAL.withDescription("the coordinator met a bug of Kintsugi, please report it with its log: " + error)
                .asRuntimeException();
    }
}
