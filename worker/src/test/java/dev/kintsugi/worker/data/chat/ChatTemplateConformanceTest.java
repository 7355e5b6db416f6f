package dev.kintsugi.worker.data.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.worker.data.jinja.Template;
import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/// Against texts that Transformers made (`chat_fixtures.py`).
class ChatTemplateConformanceTest {
    private static final Path FIXTURES = Path.of("src/test/resources/chat");
    private static final JsonMapper JSON = new JsonMapper();
    private static final Map<String, String> TOKENS = Map.of("bos_token", "<s>", "eos_token", "</s>");

    private static List<JsonNode> lines(String file) throws IOException {
        return Files.readAllLines(FIXTURES.resolve(file)).stream().map(JSON::readTree).toList();
    }

    @Test
    void shouldRenderFiftyConversationsByteForByte() throws IOException {
        List<JsonNode> conversations = lines("conversations.jsonl");
        List<JsonNode> all = lines("rendered.jsonl");
        assertThat(all).hasSize(9 * 50);
        for (JsonNode rendered : all) {
            String name = rendered.get("template").asString();
            int number = rendered.get("conversation").intValue();
            check(template(name), conversations.get(number), number % 2 == 0, rendered.get("result"), name + " " + number);
        }
    }

    private static ChatTemplate template(String name) throws IOException {
        String source = BuiltInTemplates.NAMES.contains(name) ? BuiltInTemplates.source(name)
                : Files.readString(FIXTURES.resolve("templates/" + name + ".jinja"));
        return ChatTemplate.of(source, name, TOKENS);
    }

    @Test
    void shouldGiveEveryExpressionPythonsText() throws IOException {
        JsonNode conversation = lines("conversations.jsonl").getFirst();
        for (JsonNode expression : lines("expressions.jsonl")) {
            String source = expression.get("template").asString();
            JsonNode result = expression.get("result");
            if (result.isNull()) {
                assertThatThrownBy(() -> render(ChatTemplate.of(source, "t", TOKENS), conversation, true)).as(source).isInstanceOf(CallerException.class)
                        .message().contains("chat template t, line 1: ").doesNotContain("\n");
            } else {
                check(ChatTemplate.of(source, "t", TOKENS), conversation, true, result, source);
            }
        }
    }

    private static void check(ChatTemplate template, JsonNode conversation, boolean prompt, JsonNode expected, String name) {
        if (expected.isNull()) {
            assertThatThrownBy(() -> render(template, conversation, prompt)).as(name).isInstanceOf(CallerException.class).hasMessageContaining("data:7");
            return;
        }
        Template.Rendered rendered = render(template, conversation, prompt);
        assertThat(rendered.text()).as(name).isEqualTo(expected.get("text").asString());
        assertThat(rendered.generated().stream().map(s -> List.of(s.start(), s.end())).toList()).as(name)
                .isEqualTo(JSON.convertValue(expected.get("generated"), List.class));
    }

    private static Template.Rendered render(ChatTemplate template, JsonNode conversation, boolean prompt) {
        var messages = (ArrayNode) conversation.get("messages");
        return template.render(messages, messages.size(), conversation.get("tools"), prompt, "data:7");
    }

    @Test
    void shouldWriteTheFormatsAsTheyAreDescribed() {
        var messages = (ArrayNode) JSON.readTree("""
                [{"role": "system", "content": "S"}, {"role": "user", "content": "Q1"}, {"role": "assistant", "content": "A1"},
                 {"role": "user", "content": "Q2"}]
                """);
        Map<String, String> expected = Map.of(
                "openassistant", "<|system|> S <|endoftext|> <|prompter|> Q1 <|endoftext|> <|assistant|> A1 <|endoftext|> "
                        + "<|prompter|> Q2 <|endoftext|> <|assistant|>",
                "chatml", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n"
                        + "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n",
                "zephyr", "<|system|>\nS</s>\n<|user|>\nQ1</s>\n<|assistant|>\nA1</s>\n<|user|>\nQ2</s>\n<|assistant|>\n",
                "llama2", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ1 [/INST] A1 </s><s>[INST] Q2 [/INST]");
        expected.forEach((name, text) -> {
            ChatTemplate template = ChatTemplate.of(BuiltInTemplates.source(name), name, TOKENS);
            assertThat(template.marksGenerated()).isTrue();
            assertThat(template.render(messages, 4, null, true, "").text()).as(name).isEqualTo(text);
        });
    }
}
