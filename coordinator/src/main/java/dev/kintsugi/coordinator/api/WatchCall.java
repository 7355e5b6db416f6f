package dev.kintsugi.coordinator.api;

import dev.kintsugi.coordinator.control.ControlLoop;
import dev.kintsugi.coordinator.job.JobWatch;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.proto.v1.WatchJobResponse;
import java.util.concurrent.TimeUnit;

/// One WatchJob call: takes what has gathered whenever the client has room for it.
final class WatchCall {
    private static final long TAKE_MS = 500;

    private final ControlLoop loop;
    private final TrackedJob job;
    private final ClientStream<WatchJobResponse> stream;

    WatchCall(ControlLoop loop, TrackedJob job, ClientStream<WatchJobResponse> stream) {
        this.loop = loop;
        this.job = job;
        this.stream = stream;
    }

    void run() throws Exception {
        JobWatch watch = loop.call(job::watch).get(10, TimeUnit.SECONDS);
        try {
            while (!watch.isEnded() && !stream.isCancelled()) {
                WatchJobResponse news = watch.take(TAKE_MS);
                if (news != null) { stream.send(news); }
            }
        } finally {
            loop.execute(() -> job.unwatch(watch));
        }
    }
}
