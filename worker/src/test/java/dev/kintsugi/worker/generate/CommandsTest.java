package dev.kintsugi.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.worker.cli.WorkerTools;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class CommandsTest {
    private static final String MODEL = ModelFixture.DIRECTORY.toString();
    private static final String TEXT = ModelFixture.TEXT.toString();

    @TempDir
    Path directory;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        return WorkerTools.run(new PrintWriter(out, true), new PrintWriter(err, true), args);
    }

    private JsonNode oneJsonLine() {
        assertThat(out.toString()).endsWith(System.lineSeparator()).hasLineCount(1);
        assertThat(err.toString()).isEmpty();
        return ModelFixture.JSON.readTree(out.toString());
    }

    @Test
    void shouldPrintOneJsonObject() {
        JsonNode evaluation = ModelFixture.expected().path("evaluations").path(2);
        assertThat(run("eval", "--model", MODEL, "--dataset", TEXT, "--json")).isZero();
        JsonNode actual = oneJsonLine();
        assertThat(actual.propertyNames()).containsExactly("loss", "perplexity", "tokens");
        assertThat(actual.path("tokens").asLong()).as("max_length is the model's 96 positions").isEqualTo(evaluation.path("tokens").asLong());

        JsonNode continuation = ModelFixture.expected().path("continuations").path(3);
        String prompt = continuation.path("prompt").asString();
        assertThat(run("generate", "--model", MODEL, "--prompt", prompt, "--max_new_tokens", "40", "--json")).isZero();
        assertThat(oneJsonLine().path("ids")).isEqualTo(continuation.path("ids"));
        assertThat(ModelFixture.JSON.readTree(out.toString()).path("text")).isEqualTo(continuation.path("text"));
    }

    @Test
    void shouldStreamTheSameTextForPeople() {
        JsonNode continuation = ModelFixture.expected().path("continuations").path(2);
        run("generate", "--model", MODEL, "--prompt", continuation.path("prompt").asString(), "--max_new_tokens", "40");
        assertThat(out.toString()).isEqualTo(continuation.path("text").asString() + System.lineSeparator());
        assertThat(run("eval", "--model", MODEL, "--dataset", TEXT, "--max_length", "33")).isZero();
        assertThat(out.toString()).matches("loss 7\\.230950  perplexity 1381\\.5\\d+  tokens 1280\\R");
    }

    @Test
    void shouldSayHowLongItTook() {
        assertThat(run("generate", "--model", MODEL, "--prompt", "a", "--max_new_tokens", "9", "--json")).isZero();
        JsonNode json = oneJsonLine();
        assertThat(json.path("prompt_tokens").asInt() + json.path("new_tokens").asInt()).isEqualTo(json.path("ids").size());
        assertThat(json.path("prompt_seconds").asDouble()).isPositive();
        assertThat(json.path("decode_seconds").asDouble()).isPositive();
        assertThat(run("generate", "--model", MODEL, "--prompt", "a", "--max_new_tokens", "9")).isZero();
        assertThat(err.toString()).matches("kintsugi: prompt: 2 tokens in \\S+ s; then 8 tokens in \\S+ s, \\S+ tokens/s\\R");
        assertThat(run("generate", "--model", MODEL, "--prompt", "a", "--max_new_tokens", "1")).isZero();
        assertThat(err.toString()).matches("kintsugi: prompt: 2 tokens in \\S+ s\\R");
    }

    @Test
    void shouldComputeInTheTypeAskedFor() {
        double expected = ModelFixture.expected().path("evaluations").path(1).path("loss").asDouble();
        double full = loss("--dtype", "float32");
        assertThat(full).isEqualTo(loss()).isCloseTo(expected, within(1e-5));
        assertThat(loss("--dtype", "bfloat16")).isNotEqualTo(full).isCloseTo(full, within(1e-2));
        assertThat(run("generate", "--model", MODEL, "--prompt", "a", "--max_new_tokens", "9", "--dtype", "bfloat16", "--json")).isZero();
        assertThat(oneJsonLine().path("ids").size()).isEqualTo(11);
    }

    private double loss(String... more) {
        List<String> args = new ArrayList<>(List.of("eval", "--model", MODEL, "--dataset", TEXT, "--max_length", "33", "--json"));
        args.addAll(List.of(more));
        assertThat(run(args.toArray(String[]::new))).isZero();
        return oneJsonLine().path("loss").asDouble();
    }

    @Test
    void shouldSampleBySeed() {
        List<String> texts = new ArrayList<>();
        for (String seed : List.of("1", "1", "2")) {
            assertThat(run("generate", "--model", MODEL, "--prompt", "a", "--max_new_tokens", "20", "--do_sample", "True", "--temperature", "0.8",
                    "--top_p", "0.95", "--top_k", "100", "--seed", seed, "--json")).isZero();
            texts.add(oneJsonLine().path("ids").toString());
        }
        assertThat(texts.get(0)).isEqualTo(texts.get(1)).isNotEqualTo(texts.get(2));
    }

    @Test
    void shouldSayInOneSentenceWhatIsWrong() throws IOException {
        refuses(1, List.of("nowhere", "no such directory"), "eval", "--model", "nowhere", "--dataset", TEXT);
        refuses(1, List.of("no.txt", "no such file"), "eval", "--model", MODEL, "--dataset", "no.txt");
        refuses(1, List.of("--max_length=97", "max_position_embeddings=96"), "eval", "--model", MODEL, "--dataset", TEXT, "--max_length", "97");
        refuses(1, List.of("1 tokens", "--max_length"), "eval", "--model", MODEL, "--dataset", write("short.txt", "a"));
        refuses(1, List.of("x.jsonl:1", "--dataset_text_field"), "eval", "--model", MODEL, "--dataset", write("x.jsonl", "{\"t\":1}"));
        refuses(2, List.of("--max_length=1"), "eval", "--model", MODEL, "--dataset", TEXT, "--max_length", "1");
        refuses(2, List.of("--dataset"), "eval", "--model", MODEL);
        refuses(2, List.of("--bogus"), "generate", "--model", MODEL, "--prompt", "a", "--bogus", "1");
        refuses(2, List.of("--do_sample"), "generate", "--model", MODEL, "--prompt", "a", "--top_p", "0.9");
        refuses(1, List.of("--temperature=-1.0"), "generate", "--model", MODEL, "--prompt", "a", "--do_sample", "--temperature", "-1");
        for (String wrong : List.of("bf16", "float16", "BFLOAT16", "")) {
            refuses(2, List.of("--dtype", "'" + wrong + "'", "auto, float32 and bfloat16"), "generate", "--model", MODEL, "--prompt", "a", "--dtype", wrong);
            refuses(2, List.of("--dtype", "'" + wrong + "'", "auto, float32 and bfloat16"), "eval", "--model", MODEL, "--dataset", TEXT, "--dtype", wrong);
        }
        refuses(1, List.of("--max_new_tokens=0"), "generate", "--model", MODEL, "--prompt", "a", "--max_new_tokens", "0");
        refuses(1, List.of("--prompt is", "max_position_embeddings=96"), "generate", "--model", MODEL, "--prompt", "!".repeat(200));
    }

    @Test
    void shouldNameTheFileOfTheModelThatIsWrong() throws IOException {
        for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) {
            Path copy = ModelFixture.copyTo(directory.resolve(name + "-missing"));
            Files.delete(copy.resolve(name));
            refuses(1, List.of(copy.toString(), name), "generate", "--model", copy.toString(), "--prompt", "a");
            copy = ModelFixture.copyTo(directory.resolve(name + "-bad"));
            Files.writeString(copy.resolve(name), "{");
            refuses(1, List.of(copy.resolve(name).toString()), "generate", "--model", copy.toString(), "--prompt", "a");
        }
        Path copy = ModelFixture.copyTo(directory.resolve("shape"));
        Files.writeString(copy.resolve("config.json"), Files.readString(copy.resolve("config.json"))
                .replace("\"intermediate_size\": 48", "\"intermediate_size\": 56"));
        refuses(1, List.of("model.safetensors", "mlp", "[48, 32]", "[56, 32]"), "eval", "--model", copy.toString(), "--dataset", TEXT);
        Path checkpoint = Files.createDirectories(directory.resolve("out/checkpoints")).getParent();
        refuses(1, List.of("kintsugi checkpoint export"), "eval", "--model", checkpoint.toString(), "--dataset", TEXT);
        copy = ModelFixture.copyTo(directory.resolve("foreign"));
        Path quickstart = Path.of("../client/src/main/resources/dev/kintsugi/client/quickstart");
        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(quickstart.resolve(name), copy.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        }
        refuses(1, List.of("tokenizer.json", "vocab_size=320"), "eval", "--model", copy.toString(), "--dataset", TEXT);
    }

    private String write(String name, String text) throws IOException {
        return Files.writeString(directory.resolve(name), text).toString();
    }

    private void refuses(int status, List<String> parts, String... args) {
        assertThat(run(args)).as(String.join(" ", args)).isEqualTo(status);
        assertThat(err.toString()).startsWith("kintsugi: ").contains(parts).hasLineCount(1);
        assertThat(out.toString()).isEmpty();
    }
}
