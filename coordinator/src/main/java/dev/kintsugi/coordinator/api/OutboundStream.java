package dev.kintsugi.coordinator.api;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The sending half of a stream that may end at any time. Used by the control loop only; what is sent after the end is dropped.
final class OutboundStream<T> {
    private static final Logger log = LoggerFactory.getLogger(OutboundStream.class);

    private final StreamObserver<T> out;
    private boolean open = true;

    OutboundStream(StreamObserver<T> out) {
        this.out = out;
    }

    void send(T message) {
        if (open) { attempt(() -> out.onNext(message)); }
    }

    void complete() {
        if (open) { attempt(out::onCompleted); }
        open = false;
    }

    void fail(Status status) {
        if (open) { attempt(() -> out.onError(status.asRuntimeException())); }
        open = false;
    }

    // The peer may have gone a moment ago; that it did arrives by itself.
    private void attempt(Runnable send) {
        try {
            send.run();
        } catch (IllegalStateException | StatusRuntimeException e) {
            open = false;
            log.debug("stream ended while sending", e);
        }
    }
}
