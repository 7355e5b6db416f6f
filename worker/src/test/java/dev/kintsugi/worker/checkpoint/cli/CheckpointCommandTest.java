package dev.kintsugi.worker.checkpoint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.worker.checkpoint.SavedModel;
import dev.kintsugi.worker.cli.WorkerTools;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

class CheckpointCommandTest {
    @TempDir
    Path outputDir;

    private final SavedModel model = SavedModel.llama();
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(Object... args) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        String[] line = Arrays.stream(args).map(Object::toString).toArray(String[]::new);
        return WorkerTools.run(new PrintWriter(out, true), new PrintWriter(err, true), line);
    }

    @ParameterizedTest
    @ValueSource(strings = {".", "checkpoints", "checkpoints/step-00000250"})
    void shouldInspectTheNewestCheckpointOfWhateverDirectoryIsGiven(String below) throws Exception {
        model.save(outputDir, 1, 9);
        model.save(outputDir, 3, 250);
        assertThat(run("checkpoint", "inspect", outputDir.resolve(below), "--json")).as(err.toString()).isZero();
        var json = new JsonMapper().readTree(out.toString());
        assertThat(json.get("step").asLong()).isEqualTo(250);
        assertThat(json.get("world_size").asInt()).isEqualTo(3);
        assertThat(json.get("tensors").get(0).toString())
                .isEqualTo("{\"name\":\"model.embed_tokens.weight\",\"unit\":\"embedding\",\"dtype\":\"F32\",\"shape\":[67,20],"
                        + "\"shards\":3,\"rows_per_rank\":23,\"bytes\":5360}");
        assertThat(json.get("saved_at").asString()).isEqualTo("2026-11-22T14:00:00Z");
        assertThat(json.get("files")).hasSize(6);
    }

    @Test
    void shouldPrintTablesForPeople() throws Exception {
        Path dir = model.save(outputDir, 2, 250);
        Files.delete(dir.resolve("optimizer/shard-00002-model-00001-of-00001.safetensors"));
        assertThat(run("checkpoint", "inspect", dir)).isZero();
        assertThat(out.toString()).contains("step        250; 3,000 samples and 192,000 tokens seen; seed 42", "by Kintsugi 0.1.0",
                        "2 under FULL_SHARD, 2 shards, 12 micro-batches")
                .containsPattern("embedding +model.embed_tokens.weight +67 x 20 +F32 +2 +34 +5.4 kB")
                .containsPattern("optimizer/shard-00002\\S* +1 .* missing");
    }

    @Test
    void shouldShowWhereATensorIsAndItsDigestWhateverTheCut() throws Exception {
        Path of2 = model.save(outputDir.resolve("a"), 2, 250);
        Path of3 = model.save(outputDir.resolve("b"), 3, 250);
        assertThat(run("checkpoint", "inspect", of3, "--tensor", "*.1.*k_proj*", "--digests", "--json")).as(err.toString()).isZero();
        var json = new JsonMapper().readTree(out.toString()).get("tensors");
        assertThat(json).hasSize(1);
        assertThat(json.get(0).get("placement").get(1).toString())
                .isEqualTo("{\"rank\":1,\"first_row\":2,\"rows\":2,\"file\":\"model/shard-00002-model-00001-of-00001.safetensors\"}");
        String crc = json.get(0).get("crc32c").asString();
        assertThat(run("checkpoint", "inspect", of2, "--tensor", "layers.1.self_attn.k_proj", "--digests")).isZero();
        assertThat(out.toString()).containsPattern("model.layers.1.self_attn.k_proj.weight .* " + crc + "\n")
                .containsPattern("model.layers.1.self_attn.k_proj.weight +1 +2 to 3 +model/shard-00002-").doesNotContain("embed_tokens");
        assertThat(run("checkpoint", "inspect", of2, "--tensor", "nothing")).isEqualTo(1);
        assertThat(err.toString()).startsWith("kintsugi: tensor=nothing: the checkpoint has no tensor of that name;");
    }

    @Test
    void shouldVerifyASoundCheckpointAndNameEachBadFile() throws Exception {
        Path dir = model.save(outputDir, 2, 250);
        assertThat(run("checkpoint", "verify", outputDir)).as(err.toString()).isZero();
        assertThat(out.toString()).contains("step 250 is sound (4 files, ");
        assertThat(Files.readString(dir.resolve("verified.json"))).contains("\"verified_at\" : \"20", "\"kintsugi_version\" : \"development\"");
        Path bad = dir.resolve("optimizer/shard-00001-model-00001-of-00001.safetensors");
        byte[] bytes = Files.readAllBytes(bad);
        bytes[bytes.length - 5] ^= 1;
        Files.write(bad, bytes);
        Files.delete(dir.resolve("model/shard-00002-model-00001-of-00001.safetensors"));
        assertThat(run("checkpoint", "verify", outputDir)).isEqualTo(1);
        assertThat(err.toString().lines()).hasSize(2).allMatch(l -> l.startsWith("kintsugi: checkpoint file "))
                .anyMatch(l -> l.contains("was altered") && l.contains(bad.toString()))
                .anyMatch(l -> l.contains("is missing") && l.contains("rank=1"));
    }

    @Test
    void shouldExportAndSayWhere() throws Exception {
        model.save(outputDir, 2, 250);
        Path exported = outputDir.resolve("exported");
        assertThat(run("checkpoint", "export", outputDir, "--output_dir", exported, "--max_shard_size",
                "10KB")).as(err.toString()).isZero();
        assertThat(out.toString()).contains("exported step 250 to " + exported);
        assertThat(err.toString()).contains("exported without a tokenizer").contains("--tokenizer_name");
        assertThat(exported.resolve("model.safetensors.index.json")).exists();
        assertThat(run("checkpoint", "export", outputDir, "--output_dir", outputDir.resolve("again"), "--json")).isZero();
        assertThat(new JsonMapper().readTree(out.toString()).get("output_dir").asString()).isEqualTo(outputDir.resolve("again").toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            checkpoint verify /no/such | 1 | /no/such does not exist; give a checkpoint or an output_dir
            checkpoint verify /usr | 1 | /usr is not a checkpoint: it has no manifest.json; give a step-... directory
            checkpoint | 2 | checkpoint needs a subcommand: list, inspect, verify, diff, export or prune; see kintsugi checkpoint --help
            checkpoint verify | 2 | Missing required parameter: 'DIR'; see kintsugi checkpoint verify --help
            checkpoint verify /usr --fast | 2 | Unknown option: '--fast'; see kintsugi checkpoint verify --help
            checkpoint export /usr | 2 | Missing required option: '--output_dir=OUT'; see kintsugi checkpoint export --help
            checkpoint export /usr --output_dir /tmp/x --dtype float16 | 1 | dtype=float16; give float32 or bfloat16
            checkpoint prune /usr | 2 | Missing required option: '--save_total_limit=N'; see kintsugi checkpoint prune --help
            checkpoint prune /usr --save_total_limit 0 | 1 | save_total_limit=0; must be at least 1
            checkpoint list /no/such | 1 | /no/such does not exist or is empty; give an output_dir or its checkpoints
            checkpoint list ftp://x | 2 | Invalid value for positional parameter at index 0 (DIR): ftp://x is on storage of an unknown kind
            checkpoint diff /usr | 2 | Missing required parameter: 'B'; see kintsugi checkpoint diff --help
            checkpoint export /usr --output_dir /tmp/x --max_shard_size 5QB | 1 | max_shard_size=5QB is not a size; give for example 5GB
            """)
    void shouldExplainMistakesInOneSentence(String line, int status, String message) {
        assertThat(run((Object[]) line.split(" "))).isEqualTo(status);
        assertThat(err.toString()).startsWith("kintsugi: " + message);
        assertThat(err.toString().lines()).hasSize(1);
    }

    @Test
    void shouldHelpWithExamples() {
        assertThat(run("checkpoint", "export", "--help")).isZero();
        assertThat(out.toString()).contains("Usage: kintsugi checkpoint export", "Examples:", "--max_shard_size=SIZE", "(default: 5GB)");
    }

    @Test
    void shouldReadSizesAsTransformersDoes() {
        assertThat(ByteSize.parse("5GB", "f")).isEqualTo(5_000_000_000L);
        assertThat(ByteSize.parse("5GiB", "f")).isEqualTo(5L << 30);
        assertThat(ByteSize.parse("300", "f")).isEqualTo(300);
        assertThat(ByteSize.format(999_960)).isEqualTo("1.0 MB");
    }
}
