package dev.kintsugi.sharding.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.StateExtent;
import dev.kintsugi.sharding.optimizer.StateOf;
import dev.kintsugi.sharding.optimizer.StateSlot;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestsTest {
    private static final String CONFIG = "{\"model_type\": \"llama\", \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0}";
    private static final TrainingState TRAINING = TrainingState.newBuilder().setStep(250).setSkippedSteps(2).setSamplesSeen(3000)
            .setTokensSeen(1 << 20)
            .setMicrobatchesPerStep(12).setSeed(-7).setDatasetDigest("ab").setBest(new BestEvaluation(200, 0.1 + 0.2, 3).toProto()).build();

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 16})
    void shouldReadBackWhatItWrote(int worldSize) {
        Manifest m = manifest(worldSize);
        assertThat(Manifests.parse(Manifests.toJson(m), "manifest.json")).isEqualTo(m);
        assertThat(m.training().toProto()).isEqualTo(TRAINING);
        assertThat(m.modelConfigJson()).contains("1.0E-5", "10000.0");
    }

    @Test
    void shouldRefuseToCommitWhenARankHasNotVoted() {
        ShardPlan plan = plan(3);
        List<ShardFile> files = files(3);
        files.remove(5);
        assertThatThrownBy(() -> Manifests.of("0.1.0", "2026-11-22T14:00:00Z", plan, OptimizerState.ADAMW, CONFIG, "{}", TRAINING, files))
                .hasMessage("file 'optimizer/shard-00003-model-00001-of-00001.safetensors' of rank 2 is not listed");
    }

    @Test
    void shouldIgnoreFieldsOfLaterMinorVersions() {
        Manifest m = manifest(2);
        String json = Manifests.toJson(m).replace("\"world_size\"", "\"colour\" : 3, \"world_size\"");
        assertThat(Manifests.parse(json, "m")).isEqualTo(m);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "saved_at" : "2026 | "saved_at" : "26 | saved_at=26-11-22T14:00:00Z is not like 2026-11-22T14:00:00Z
            "FULL_SHARD" | "HALF_SHARD" | strategy=HALF_SHARD is not a sharding strategy
            "format_version" : 2 | "format_version" : 1 | format_version=1 was written by an older Kintsugi (0.1.0) and this one reads format_version=2
            "format_version" : 2 | "format_version" : 3 | format_version=3 was written by a newer Kintsugi (0.1.0) and this one reads format_version=2
            "kintsugi-checkpoint" | "other" | format is not "kintsugi-checkpoint", so this is no Kintsugi checkpoint
            "step" : 250 | "step" : 2.5 | field training.step=2.5 is not a 64-bit integer
            "step" : 250 | "step" : -1 | training: step=-1 skipped_steps=2 samples_seen=3000 tokens_seen=1048576 microbatches_per_step=12
            "skipped_steps" : 2 | "skipped_steps" : 251 | training: step=250 skipped_steps=251 samples_seen
            "seed" | "sead" | field training.seed is missing
            "world_size" : 2 | "world_size" : 0 | world_size=0; must be in [1, 1048576]
            "world_size" : 2 | "world_size" : 3 | file 'model/shard-00003-model-00001-of-00001.safetensors' of rank 2 is not listed
            "path" : "model/ | "path" : "../model/ | file path '../model/shard-00001-model-00001-of-00001.safetensors' is not a plain
            "path" : "model/ | "path" : "/model/ | file path '/model/shard-00001-model-00001-of-00001.safetensors' is not a plain
            "model_config" : { | "model_config" : 3, "x":{ | field model_config=3 is not an object
            """)
    void shouldSayWhichFieldIsWrong(String good, String bad, String message) {
        String json = Manifests.toJson(manifest(2));
        assertThat(json).contains(good);
        assertThatThrownBy(() -> Manifests.parse(json.replace(good, bad), "c/manifest.json"))
                .hasMessageStartingWith("c/manifest.json: " + message).hasMessageEndingWith("; use another checkpoint");
    }

    @Test
    void shouldNameTheFileWhenTheJsonIsCutShort() {
        String json = Manifests.toJson(manifest(2));
        for (int length : new int[]{0, 1, 30, json.length() - 3}) {
            assertThatThrownBy(() -> Manifests.parse(json.substring(0, length), "c/manifest.json"))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("c/manifest.json");
        }
    }

    @Test
    void shouldNameFilesAsTorchDoes() {
        assertThat(CheckpointLayout.modelFile(0)).isEqualTo("model/shard-00001-model-00001-of-00001.safetensors");
        assertThat(CheckpointLayout.step(CheckpointLayout.stepDirectory(250))).hasValue(250);
        assertThat(CheckpointLayout.step("step-00000250.tmp")).isEmpty();
        assertThat(CheckpointLayout.shardNumber("shard-00012-model-00001-of-00001.safetensors")).hasValue(12);
        assertThat(CheckpointLayout.shardNumber("model.safetensors")).isEmpty();
    }

    @Test
    void shouldTakeAdamWWhereNoOptimizerIsNamed() {
        Manifest m = manifest(2);
        String early = Manifests.toJson(m).replace("\"optimizer\" : {", "\"unknown\" : {");
        assertThat(Manifests.parse(early, "m")).isEqualTo(m);
    }

    @Test
    void shouldKeepWhatTheOptimizerHas() {
        var state = new OptimizerState("odd", List.of(new StateSlot("a", DType.U8, StateExtent.ELEMENT, StateOf.MATRICES),
                new StateSlot("a", DType.F32, StateExtent.ROW_BLOCK, StateOf.VECTORS)));
        Manifest m = Manifests.of("0.1.0", "2026-11-22T14:00:00Z", plan(1), state, CONFIG, "{}", TRAINING, files(1));
        String json = Manifests.toJson(m);
        assertThat(Manifests.parse(json, "m").optimizer()).isEqualTo(state);
        assertThatThrownBy(() -> Manifests.parse(json.replace("row_block", "diagonal"), "m"))
                .hasMessage("m: field optimizer.slots[1].extent=\"diagonal\" is not one of [element, row, column, row_block]; use another checkpoint");
    }

    private static Manifest manifest(int worldSize) {
        return Manifests.of("0.1.0", "2026-11-22T14:00:00Z", plan(worldSize), OptimizerState.ADAMW, CONFIG, "{\"seed\": \"42\"}", TRAINING, files(worldSize));
    }

    private static ShardPlan plan(int worldSize) {
        return ShardPlanner.plan(RandomModels.next(new Random(3)), worldSize);
    }

    private static List<ShardFile> files(int worldSize) {
        var files = new ArrayList<ShardFile>();
        for (int rank = 0; rank < worldSize; rank++) {
            files.add(file(CheckpointLayout.modelFile(rank)));
            files.add(file(CheckpointLayout.optimizerFile(rank)));
        }
        return files;
    }

    private static ShardFile file(String path) {
        return ShardFile.newBuilder().setPath(path).setBytes(123).setSha256("0".repeat(64)).build();
    }
}
