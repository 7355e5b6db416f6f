package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Saved on N ranks, resumed on M: all weights and moments are those of a run on one rank, bit for bit, and so are the next ten losses, whatever the
/// micro-batches a rank. `kintsugi checkpoint diff` compares. With `-Dgrid=full` N and M in 1, 2, 3, 4, 8, and routes between strategies.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ResumeGridIT {
    private static final int SAVED = 4;
    private static final int END = SAVED + 10;
    private static final int MICROBATCHES = 24;
    private static final List<Integer> WORLDS = List.of(1, 2, 3, 4, 8);

    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;
    private Path oneRank;
    private List<String> nextLosses;
    private final Map<Leg, Path> saved = new HashMap<>();

    /// Ranks under a strategy; hybrids have two ranks a copy.
    private record Leg(int ranks, String strategy) {
        static Leg full(int ranks) {
            return new Leg(ranks, "FULL_SHARD");
        }

        List<String> flags() {
            var flags = new ArrayList<>(List.of("--world_size", Integer.toString(ranks), "--sharding_strategy", strategy));
            if (strategy.equals("HYBRID_SHARD")) { flags.addAll(List.of("--hybrid_shard_size", "2")); }
            return flags;
        }
    }

    private record Route(Leg from, Leg to) {}

    @BeforeAll
    void trainOnOneRank() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, 8);
        oneRank = dir.resolve("one");
        train(oneRank, END, Leg.full(1));
        List<String> metrics = TinyJob.metrics(oneRank);
        assertThat(metrics).hasSize(END);
        nextLosses = metrics.subList(SAVED, END);
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    static List<Route> routes() {
        if (!"full".equals(System.getProperty("grid"))) { return List.of(new Route(Leg.full(3), Leg.full(2))); }
        var routes = new ArrayList<Route>();
        for (int n : WORLDS) {
            for (int m : WORLDS) { routes.add(new Route(Leg.full(n), Leg.full(m))); }
        }
        routes.add(new Route(Leg.full(3), new Leg(2, "NO_SHARD")));
        routes.add(new Route(new Leg(2, "NO_SHARD"), Leg.full(3)));
        routes.add(new Route(new Leg(2, "NO_SHARD"), new Leg(4, "HYBRID_SHARD")));
        routes.add(new Route(new Leg(8, "HYBRID_SHARD"), new Leg(3, "SHARD_GRAD_OP")));
        routes.add(new Route(new Leg(3, "SHARD_GRAD_OP"), Leg.full(8)));
        return routes;
    }

    @ParameterizedTest
    @MethodSource("routes")
    void shouldGoOnWithTheBitsOfOneRank(Route route) throws Exception {
        Path from = saved.containsKey(route.from) ? saved.get(route.from) : save(route.from);
        Path output = dir.resolve("from-%s-to-%s".formatted(name(route.from), name(route.to)));
        train(output, END, route.to, "--resume_from_checkpoint", checkpoint(from, SAVED).toString());
        assertThat(TinyJob.metrics(output)).isEqualTo(nextLosses);
        assertEqualTensors(checkpoint(oneRank, END), checkpoint(output, END));
        delete(output);
    }

    private Path save(Leg leg) throws Exception {
        Path output = dir.resolve("saved-" + name(leg));
        train(output, SAVED, leg);
        assertEqualTensors(checkpoint(oneRank, SAVED), checkpoint(output, SAVED));
        saved.put(leg, output);
        return output;
    }

    /// Another number of micro-batches promises no losses, but it goes on from the same tensors: with a learning rate of 0 they stay.
    @Test
    @EnabledIfSystemProperty(named = "grid", matches = "full")
    void shouldResumeWithOtherMicrobatchesFromTheSameWeights() throws Exception {
        Path output = dir.resolve("other-microbatches");
        var arguments = new ArrayList<>(arguments(output, SAVED + 1, Leg.full(2)));
        arguments.set(arguments.indexOf("--microbatches_per_step") + 1, "10");
        arguments.set(arguments.indexOf("--learning_rate") + 1, "0");
        arguments.addAll(List.of("--resume_from_checkpoint", checkpoint(oneRank, SAVED).toString()));
        Cli.Result resumed = Cli.run(dir, arguments).ok();
        assertThat(resumed.out() + resumed.err()).contains("was made with 24 micro-batches a step, now there are 10");
        Cli.Result diff = Cli.run(dir, "checkpoint", "diff", checkpoint(oneRank, SAVED).toString(), checkpoint(output, SAVED + 1).toString());
        assertThat(diff.status()).as(diff.err()).isEqualTo(1);
        assertThat(diff.out()).contains(" exp_avg ", "microbatches_per_step").doesNotContain(" weight ").containsPattern("samples_seen +96 +106");
    }

    private static void assertEqualTensors(Path a, Path b) {
        Cli.Result diff = Cli.run(dir, "checkpoint", "diff", a.toString(), b.toString()).ok();
        assertThat(diff.out()).contains("all 90 tensors are equal, bit for bit");
    }

    private void train(Path output, int steps, Leg leg, String... more) {
        var arguments = arguments(output, steps, leg);
        arguments.addAll(List.of(more));
        Cli.run(dir, arguments).ok();
    }

    /// A constant learning rate: a run's own length must not change the schedule.
    private List<String> arguments(Path output, int steps, Leg leg) {
        var arguments = new ArrayList<>(job.train(output, steps, "--coordinator", service.address()));
        arguments.set(arguments.indexOf("--lr_scheduler_type") + 1, "constant");
        arguments.set(arguments.indexOf("--microbatches_per_step") + 1, Integer.toString(MICROBATCHES));
        arguments.addAll(leg.flags());
        return arguments;
    }

    private static Path checkpoint(Path output, int step) {
        return output.resolve("checkpoints/step-%08d".formatted(step));
    }

    private static String name(Leg leg) {
        return leg.ranks + "-" + leg.strategy;
    }

    private static void delete(Path output) throws Exception {
        try (var files = Files.walk(output)) {
            for (Path p : files.sorted((a, b) -> b.compareTo(a)).toList()) { Files.delete(p); }
        }
    }
}
