package dev.kintsugi.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/// Transformers' continuations and losses, made by src/test/python/generate_fixtures.py.
class GenerationConformanceTest {
    @Test
    void shouldContinueGreedilyAsTransformersDoes() {
        try (LoadedModel model = LoadedModel.open(ModelFixture.DIRECTORY)) {
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
        try (LoadedModel model = LoadedModel.open(ModelFixture.DIRECTORY)) {
            for (JsonNode expected : ModelFixture.expected().path("evaluations")) {
                int length = expected.path("max_length").asInt();
                Evaluation actual = Evaluation.of(model, ModelFixture.TEXT.toString(), "text", length, (_, _) -> {});
                assertThat(actual.tokens()).isEqualTo(expected.path("tokens").asLong());
                assertThat(actual.loss()).isCloseTo(expected.path("loss").asDouble(), within(1e-5));
                assertThat(actual.perplexity()).isCloseTo(Math.exp(actual.loss()), within(1e-9));
            }
        }
    }
}
