package dev.kintsugi.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class ControlLoopTest {
    @Test
    void shouldDoWhatWasQueuedBeforeATickThatIsOverdue() throws Exception {
        List<String> done = new CopyOnWriteArrayList<>();
        var ticked = new CountDownLatch(1);
        try (var loop = new ControlLoop(1, () -> {
            done.add("tick");
            ticked.countDown();
        })) {
            for (int i = 0; i < 3; i++) {
                loop.execute(() -> {
                    long untilNs = System.nanoTime() + 5_000_000;
                    while (System.nanoTime() < untilNs) {
                        Thread.onSpinWait();
                    }
                    done.add("work");
                });
            }
            loop.start();
            assertThat(ticked.await(10, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(done.subList(0, 4)).containsExactly("work", "work", "work", "tick");
    }

    @Test
    void shouldGoOnAfterATaskThatFails() throws Exception {
        try (var loop = new ControlLoop(1000, () -> {})) {
            loop.start();
            loop.execute(() -> {
                throw new IllegalStateException("a bug");
            });
            var failed = loop.call(() -> {
                throw new IllegalArgumentException("no such job");
            });
            assertThatThrownBy(() -> failed.get(5, TimeUnit.SECONDS)).hasCauseInstanceOf(IllegalArgumentException.class);
            assertThat(loop.call(() -> 7).get(5, TimeUnit.SECONDS)).isEqualTo(7);
        }
    }
}
