package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// No sharding strategy changes a bit, neither of a run nor of one that goes on from another strategy's checkpoint.
/// Every strategy on 2 and 4 ranks over both transports, on two hosts, and every pair of strategies with `-Dgrid=full`.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StrategyIT {
    private static final int STEPS = 6;
    private static final Leg FULL = new Leg("FULL_SHARD", 2, "shm");
    private static final Leg GRAD_OP = new Leg("SHARD_GRAD_OP", 2, "shm");
    private static final Leg NONE = new Leg("NO_SHARD", 2, "aeron");
    private static final Leg HYBRID = new Leg("HYBRID_SHARD", 4, "shm");

    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;
    private List<String> oneRankMetrics;
    private byte[] oneRankWeights;

    /// A strategy on some ranks; hybrids have two ranks a copy.
    private record Leg(String strategy, int ranks, String transport) {
        List<String> flags() {
            var flags = new ArrayList<>(List.of("--world_size", Integer.toString(ranks), "--transport", transport, "--fsdp_sharding_strategy", strategy));
            if (strategy.equals("HYBRID_SHARD")) { flags.addAll(List.of("--hybrid_shard_size", "2")); }
            return flags;
        }
    }

    @BeforeAll
    void trainOnOneRank() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, 4);
        Path output = dir.resolve("one");
        run(output, STEPS, new Leg("FULL_SHARD", 1, "shm")).ok();
        oneRankMetrics = TinyJob.metrics(output);
        oneRankWeights = TinyJob.weights(output);
        assertThat(oneRankMetrics).hasSize(STEPS);
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    static List<Arguments> routes() {
        if (!"full".equals(System.getProperty("grid"))) { return List.of(arguments(List.of(GRAD_OP, NONE, HYBRID))); }
        var routes = new ArrayList<Arguments>();
        for (String strategy : List.of("FULL_SHARD", "SHARD_GRAD_OP", "NO_SHARD", "HYBRID_SHARD")) {
            for (int ranks : new int[] {2, 4}) {
                for (String transport : List.of("shm", "aeron")) { routes.add(arguments(List.of(new Leg(strategy, ranks, transport)))); }
            }
        }
        for (Leg from : List.of(FULL, GRAD_OP, NONE, HYBRID)) {
            for (Leg to : List.of(FULL, GRAD_OP, NONE, HYBRID)) { routes.add(arguments(List.of(from, to))); }
        }
        return routes;
    }

    /// Each leg goes on from the checkpoint of the one before.
    @ParameterizedTest
    @MethodSource("routes")
    void shouldGiveTheBitsOfOneRank(List<Leg> legs) throws Exception {
        Path output = dir.resolve("route-" + legs.hashCode());
        for (int i = 0; i < legs.size(); i++) { run(output, STEPS * (i + 1) / legs.size(), legs.get(i)).ok(); }
        assertThat(TinyJob.metrics(output)).isEqualTo(oneRankMetrics);
        assertThat(TinyJob.weights(output)).isEqualTo(oneRankWeights);
    }

    @Test
    @EnabledIfSystemProperty(named = "grid", matches = "full")
    void shouldKeepACopyOnEachOfTwoHosts() throws Exception {
        Path home = Files.createDirectories(dir.resolve("hosts"));
        Path output = home.resolve("out");
        try (Service hosts = new Service(home, 2)) {
            hosts.addAgent(2);
            var arguments = new ArrayList<>(job.train(output, STEPS, "--coordinator", hosts.address(), "--world_size", "4", "--sharding_strategy", "4"));
            arguments.set(arguments.indexOf("--lr_scheduler_type") + 1, "constant");
            Cli.Result result = Cli.run(dir, arguments).ok();
            assertThat(result.out() + result.err()).contains("transport AERON: ranks are on 2 hosts",
                    "HYBRID_SHARD: 2 copies of the model, each cut over 2 ranks (the ranks of one host)");
        }
        assertThat(TinyJob.metrics(output)).isEqualTo(oneRankMetrics);
        assertThat(TinyJob.weights(output)).isEqualTo(oneRankWeights);
    }

    @Test
    void shouldSayWhatDoesNotDivide() {
        Cli.Result refused = Cli.run(dir, job.train(dir.resolve("refused"), STEPS, "--coordinator", service.address(), "--world_size", "4",
                "--sharding_strategy", "hybrid_shard", "--hybrid_shard_size", "3"));
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err()).contains("--hybrid_shard_size=3 does not divide --world_size=4; pass a divisor of it");
        assertThat(dir.resolve("refused/metrics.jsonl")).doesNotExist();
    }

    /// A constant learning rate: a leg's own length must not change the schedule.
    private Cli.Result run(Path output, int steps, Leg leg) throws Exception {
        var arguments = new ArrayList<>(job.train(output, steps, "--coordinator", service.address()));
        arguments.set(arguments.indexOf("--lr_scheduler_type") + 1, "constant");
        arguments.addAll(leg.flags());
        if (TinyJob.hasCheckpoint(output)) { arguments.addAll(List.of("--resume_from_checkpoint", "True")); }
        Cli.Result result = Cli.run(dir, arguments);
        assertOneCopySaved(output, steps, leg);
        return result;
    }

    private static void assertOneCopySaved(Path output, int steps, Leg leg) throws Exception {
        int shards = leg.strategy.equals("NO_SHARD") ? 1 : leg.strategy.equals("HYBRID_SHARD") ? 2 : leg.ranks;
        try (Stream<Path> files = Files.list(output.resolve("checkpoints/step-%08d/model".formatted(steps)))) {
            assertThat(files.filter(f -> f.toString().endsWith(".safetensors"))).hasSize(shards);
        }
    }
}
