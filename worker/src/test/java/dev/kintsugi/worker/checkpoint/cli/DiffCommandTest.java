package dev.kintsugi.worker.checkpoint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.worker.checkpoint.SavedModel;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class DiffCommandTest {
    @TempDir
    Path directory;

    private final SavedModel model = SavedModel.llama();
    private final CommandRun kintsugi = new CommandRun();

    @ParameterizedTest
    @CsvSource({"1,1", "1,3", "3,2", "16,5"})
    void shouldFindNoDifferenceBetweenCutsOfTheSameTensors(int ranksA, int ranksB) throws Exception {
        Path a = model.save(directory.resolve("a"), ranksA, 5);
        Path b = model.save(directory.resolve("b"), ranksB, 5);
        assertThat(kintsugi.run("checkpoint", "diff", a, b)).as(kintsugi.err()).isZero();
        assertThat(kintsugi.out()).endsWith("all 63 tensors are equal, bit for bit\n").doesNotContain("field");
    }

    @Test
    void shouldSayWhichElementsDifferAndWhatElse() throws Exception {
        Path a = model.save(directory.resolve("a"), Sharding.fullShard(3), 5, embedding(1, 1, 1));
        Path b = model.save(directory.resolve("b"), Sharding.fullShard(2), 6, embedding(1.75f, 1.5f, 1.25f));
        assertThat(kintsugi.run("checkpoint", "diff", a, b)).isEqualTo(1);
        assertThat(kintsugi.err()).isEmpty();
        assertThat(kintsugi.out()).containsPattern("position +step +5 +6").containsPattern("position +samples_seen +60 +72").doesNotContain("position  seed")
                .containsPattern("model.embed_tokens.weight +weight +3 +1,340 +\\[33, 19\\] +0.750").contains("1 of 63 tensors differ");
        assertThat(kintsugi.run("checkpoint", "diff", a, b, "--json")).isEqualTo(1);
        JsonNode json = new JsonMapper().readTree(kintsugi.out());
        assertThat(json.at("/tensors/0/first").asLong()).isEqualTo(33 * 20 + 19);
        assertThat(json.at("/tensors/0/max_abs_difference").asDouble()).isEqualTo(0.75);
        assertThat(json.at("/tensors_equal").asBoolean()).isFalse();
        assertThat(json.at("/fields/0/part").asString()).isEqualTo("position");
    }

    /// Sets the embedding's elements [33, 19], [34, 0] and [34, 1]: with two ranks the last of rank 0's and the first of rank 1's.
    private static Consumer<ShardBuffers> embedding(float... values) {
        return state -> {
            ParameterPlan p = state.plan().units().getFirst().parameters().getFirst();
            for (int i = 0; i < values.length; i++) {
                long element = 33 * 20 + 19 + i - p.firstRow(state.rank()) * 20;
                if (element >= 0 && element < p.rows(state.rank()) * 20) {
                    state.parameters().getFirst().setAtIndex(ValueLayout.JAVA_FLOAT, element, values[i]);
                }
            }
        };
    }

    @ParameterizedTest
    @CsvSource({"NaN,NaN", "Infinity,Infinity"})
    void shouldCallADifferenceFromNoNumberByItsName(float value, String shown) throws Exception {
        Path a = model.save(directory.resolve("a"), Sharding.fullShard(1), 5, embedding(1, 1, 1));
        Path b = model.save(directory.resolve("b"), Sharding.fullShard(2), 5, embedding(1, 2, value));
        assertThat(kintsugi.run("checkpoint", "diff", a, b)).isEqualTo(1);
        assertThat(kintsugi.out()).containsPattern("weight +2 +1,340 +\\[34, 0\\] +" + shown);
        assertThat(kintsugi.run("checkpoint", "diff", a, b, "--json")).isEqualTo(1);
        assertThat(new JsonMapper().readTree(kintsugi.out()).at("/tensors/0/max_abs_difference").asString()).isEqualTo(shown);
    }

    @Test
    void shouldNameTheFileThatIsCorrupt() throws Exception {
        Path a = model.save(directory.resolve("a"), 2, 5);
        Path b = model.save(directory.resolve("b"), 3, 5);
        Path bad = b.resolve("optimizer/shard-00003-model-00001-of-00001.safetensors");
        byte[] bytes = Files.readAllBytes(bad);
        bytes[bytes.length - 1] ^= 1;
        Files.write(bad, bytes);
        assertThat(kintsugi.run("checkpoint", "diff", a, b)).isEqualTo(1);
        assertThat(kintsugi.err()).startsWith("kintsugi: checkpoint file was altered in bytes [").contains(bad.toString(), "rank=2").hasLineCount(1);
    }
}
