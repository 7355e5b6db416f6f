package dev.kintsugi.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.model.DecoderInference;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/// Transformers' continuations and losses, made by src/test/python/generate_fixtures.py.
class GenerationConformanceTest {
    @Test
    void shouldContinueGreedilyAsTransformersDoes() {
        try (LoadedModel model = LoadedModel.open(ModelFixture.DIRECTORY, ComputeDtype.AUTO)) {
            for (JsonNode expected : ModelFixture.expected().path("continuations")) {
                int[] prompt = Generation.promptIds(model, expected.path("prompt").asString());
                int[] ids = new Generation(40, new Sampler.Greedy()).generate(model, prompt, _ -> {});
                assertThat(ids).containsExactly(ModelFixture.ints(expected.path("ids")));
                assertThat(model.tokenizer().decode(true, ids)).isEqualTo(expected.path("text").asString());
            }
        }
    }

    /// 1e-5 of losses about 7, both in fp32: the sums of squares and products differ in order only.
    @Test
    void shouldComputeTransformersMeanLoss() {
        try (LoadedModel model = LoadedModel.open(ModelFixture.DIRECTORY, ComputeDtype.AUTO)) {
            for (JsonNode expected : ModelFixture.expected().path("evaluations")) {
                int length = expected.path("max_length").asInt();
                Evaluation actual = Evaluation.of(model, ModelFixture.TEXT.toString(), "text", length, (_, _) -> {});
                assertThat(actual.tokens()).isEqualTo(expected.path("tokens").asLong());
                assertThat(actual.loss()).isCloseTo(expected.path("loss").asDouble(), within(1e-5));
                assertThat(actual.perplexity()).isCloseTo(Math.exp(actual.loss()), within(1e-9));
            }
        }
    }

    /// Transformers computes its bf16 losses (about 7) with other roundings on the way; they are 0.001 from those of fp32.
    @Test
    void shouldComputeTransformersMeanLossInBf16() {
        try (LoadedModel model = LoadedModel.open(ModelFixture.DIRECTORY, ComputeDtype.BFLOAT16)) {
            for (JsonNode expected : ModelFixture.expected().path("bfloat16_evaluations")) {
                int length = expected.path("max_length").asInt();
                Evaluation actual = Evaluation.of(model, ModelFixture.TEXT.toString(), "text", length, (_, _) -> {});
                assertThat(actual.tokens()).isEqualTo(expected.path("tokens").asLong());
                assertThat(actual.loss()).isCloseTo(expected.path("loss").asDouble(), within(5e-3));
            }
        }
    }

    /// What bf16 takes for the likeliest token is, in fp32, within bf16's rounding of it: logits of the fixture are up to 10, and some twenty
    /// roundings of 2^-9 lead to them.
    @Test
    void shouldContinueGreedilyInBf16() {
        try (LoadedModel half = LoadedModel.open(ModelFixture.DIRECTORY, ComputeDtype.BFLOAT16);
                LoadedModel full = LoadedModel.open(ModelFixture.DIRECTORY, ComputeDtype.FLOAT32);
                DecoderInference oracle = full.inference(96);
                Arena arena = Arena.ofConfined()) {
            for (JsonNode expected : ModelFixture.expected().path("continuations")) {
                int[] prompt = Generation.promptIds(half, expected.path("prompt").asString());
                int[] ids = new Generation(40, new Sampler.Greedy()).generate(half, prompt, _ -> {});
                Tensor logits = oracle.logits(ids, arena);
                for (int i = prompt.length; i < ids.length; i++) {
                    Tensor row = logits.rows(i - 1L, 1);
                    float likeliest = logit(row, new Sampler.Greedy().next(row, i));
                    assertThat(logit(row, ids[i])).as("token %d", i).isCloseTo(likeliest, within(0.15f));
                }
            }
        }
    }

    private static float logit(Tensor row, int id) {
        return row.data().getAtIndex(ValueLayout.JAVA_FLOAT, id);
    }
}
