package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The same micro-batches give the same losses and the same weights, bit for bit, on any number of ranks over any transport.
/// All of 1 to 4 ranks over both transports with `-Dgrid=full`.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WorldSizeIT {
    private static final int STEPS = 6;

    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;
    private List<String> oneRankMetrics;
    private byte[] oneRankWeights;

    @BeforeAll
    void trainOnOneRank() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, 4);
        Path output = run("one", 1, "shm");
        oneRankMetrics = TinyJob.metrics(output);
        oneRankWeights = TinyJob.weights(output);
        assertThat(oneRankMetrics).hasSize(STEPS);
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    static List<Arguments> worlds() {
        if ("full".equals(System.getProperty("grid"))) {
            return List.of(arguments(2, "shm"), arguments(3, "shm"), arguments(4, "shm"), arguments(1, "aeron"), arguments(2, "aeron"),
                    arguments(3, "aeron"), arguments(4, "aeron"));
        }
        return List.of(arguments(2, "shm"), arguments(3, "aeron"));
    }

    @ParameterizedTest
    @MethodSource("worlds")
    void shouldGiveTheBitsOfOneRank(int ranks, String transport) throws Exception {
        Path output = run("%s-%d".formatted(transport, ranks), ranks, transport);
        assertThat(TinyJob.metrics(output)).isEqualTo(oneRankMetrics);
        assertThat(TinyJob.weights(output)).isEqualTo(oneRankWeights);
    }

    @Test
    void shouldGiveTheBitsOfOneThread() throws Exception {
        Path output = run("threads", 2, "shm", "--threads", "2");
        assertThat(TinyJob.metrics(output)).isEqualTo(oneRankMetrics);
        assertThat(TinyJob.weights(output)).isEqualTo(oneRankWeights);
    }

    private Path run(String name, int ranks, String transport, String... more) {
        Path output = dir.resolve(name);
        var options = new ArrayList<>(List.of("--coordinator", service.address(), "--world_size", Integer.toString(ranks), "--transport", transport));
        options.addAll(List.of(more));
        Cli.run(dir, job.train(output, STEPS, options.toArray(String[]::new))).ok();
        return output;
    }
}
