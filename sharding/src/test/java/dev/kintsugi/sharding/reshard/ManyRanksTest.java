package dev.kintsugi.sharding.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Plans, manifests and reshard plans of a 7B Llama on 10,000 ranks: what a coordinator and its ranks compute of a save and of a resume.
class ManyRanksTest {
    private static final int RANKS = 10_000;
    private static final String LLAMA_7B = """
            {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
             "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096, "rms_norm_eps": 1e-05}""";

    private final ModelSpec model = ModelSpec.of(ModelConfigParser.parse(LLAMA_7B, "config.json"));

    /// Processor time of this thread, so that a busy machine does not fail it.
    @Test
    void shouldPlanSaveAndReshardTenThousandRanksInTwoSeconds() {
        var threads = ManagementFactory.getThreadMXBean();
        long startNs = threads.getCurrentThreadCpuTime();
        Manifest of10000 = readBack(manifest(ShardPlanner.plan(model, RANKS)));
        Manifest of1 = readBack(manifest(ShardPlanner.plan(model, 1)));
        long[] rows = {rowsOfAllRanks(of10000, RANKS - 1), rowsOfAllRanks(of10000, 1), rowsOfAllRanks(of1, RANKS)};
        double seconds = (threads.getCurrentThreadCpuTime() - startNs) / 1e9;
        long modelRows = model.parameters().stream().mapToLong(p -> p.rows()).sum();
        assertThat(rows).containsOnly(modelRows);
        assertThat(seconds).as("seconds for all of it").isLessThan(2);
        System.out.printf("10,000 ranks: plans, manifests and reshard plans in %.2f s of processor time%n", seconds);
    }

    @Test
    void shouldGrowByTheSameForEveryRank() {
        int of1000 = Manifests.toJson(manifest(ShardPlanner.plan(model, 1000))).length();
        int of2000 = Manifests.toJson(manifest(ShardPlanner.plan(model, 2000))).length();
        int of10000 = Manifests.toJson(manifest(ShardPlanner.plan(model, RANKS))).length();
        assertThat((of10000 - of2000) / 8000).isBetween((of2000 - of1000) / 1000 - 8, (of2000 - of1000) / 1000 + 8);
        assertThat((of10000 - of1000) / 9000).as("bytes a rank").isLessThan(512);
    }

    /// What every rank of a world of `ranks` does before it reads: which files, which rows of them.
    private long rowsOfAllRanks(Manifest saved, int ranks) {
        ReshardPlan reshard = ReshardPlan.of(saved, ShardPlanner.plan(model, ranks));
        long rows = 0;
        for (int rank = 0; rank < ranks; rank++) {
            for (int savedRank : reshard.savedRanks(rank)) {
                if (saved.file(CheckpointLayout.modelFile(savedRank)).bytes() < 1) { throw new AssertionError(savedRank); }
            }
            for (var unit : reshard.target().units()) {
                for (ParameterPlan p : unit.parameters()) {
                    for (RowPiece piece : reshard.pieces(p, rank)) { rows += piece.rows(); }
                }
            }
        }
        return rows;
    }

    private static Manifest readBack(Manifest manifest) {
        return Manifests.parse(Manifests.toJson(manifest), "manifest.json");
    }

    private static Manifest manifest(ShardPlan plan) {
        List<ShardFile> files = new ArrayList<>();
        for (int rank = 0; rank < plan.shardWorldSize(); rank++) {
            files.add(file(CheckpointLayout.modelFile(rank), 4 * plan.shardNumel(rank) + 1000));
            files.add(file(CheckpointLayout.optimizerFile(rank), 8 * plan.shardNumel(rank) + 1000));
        }
        return Manifests.of("0.1.0", "2026-11-22T14:00:00Z", plan, OptimizerState.ADAMW, LLAMA_7B, "{}", TrainingState.getDefaultInstance(), files);
    }

    private static ShardFile file(String path, long bytes) {
        return ShardFile.newBuilder().setPath(path).setBytes(bytes).setSha256("0".repeat(64)).build();
    }
}
