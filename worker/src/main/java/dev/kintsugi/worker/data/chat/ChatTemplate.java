package dev.kintsugi.worker.data.chat;

import dev.kintsugi.worker.data.jinja.Template;
import dev.kintsugi.worker.data.jinja.TemplateException;
import dev.kintsugi.worker.failure.CallerException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;

/// Turns a conversation into the text that a model was trained on, as Transformers' `apply_chat_template` does. Safe from several threads.
public final class ChatTemplate {
    private final String source;
    private final String origin;
    private final Template template;
    private final Map<String, String> specialTokens;

    private ChatTemplate(String source, String origin, Template template, Map<String, String> specialTokens) {
        this.source = source;
        this.origin = origin;
        this.template = template;
        this.specialTokens = Map.copyOf(specialTokens);
    }

    /// @param origin where it is from, for messages
    /// @param specialTokens what templates know as `bos_token`, `eos_token` and so on
    /// @throws CallerException if it is no template
    public static ChatTemplate of(String source, String origin, Map<String, String> specialTokens) {
        try {
            return new ChatTemplate(source, origin, Template.of(source), specialTokens);
        } catch (TemplateException e) {
            throw new CallerException("chat template %s, line %d: %s; correct it, or choose another with --chat_template_path or --chat_template_format"
                    .formatted(origin, e.line(), e.getMessage()), e);
        }
    }

    /// @param messages each with `role` and mostly `content`
    /// @param count how many of them, from the first
    /// @param tools null where there are none
    /// @param addGenerationPrompt whether the beginning of an assistant's message follows
    /// @param place of the record, for messages
    /// @throws CallerException if the template fails, or refuses the conversation
    public Template.Rendered render(ArrayNode messages, int count, JsonNode tools, boolean addGenerationPrompt, String place) {
        List<Object> given = new ArrayList<>();
        for (int i = 0; i < count; i++) { given.add(value(messages.get(i))); }
        Map<String, Object> variables = new HashMap<>(specialTokens);
        variables.put("messages", given);
        variables.put("tools", tools == null ? null : value(tools));
        variables.put("documents", null);
        variables.put("add_generation_prompt", addGenerationPrompt);
        try {
            return template.render(variables);
        } catch (TemplateException e) {
            throw new CallerException("dataset file %s: chat template %s, line %d: %s; correct the record, or choose another template"
                    .formatted(place, origin, e.line(), oneLine(e.getMessage())), e);
        }
    }

    private static String oneLine(String text) {
        return text.replaceAll("\\s+", " ").strip();
    }

    private static Object value(JsonNode node) {
        return switch (node.getNodeType()) {
            case STRING -> node.asString();
            case BOOLEAN -> node.booleanValue();
            case NUMBER -> node.canConvertToLong() && node.isIntegralNumber() ? (Object) node.longValue() : node.doubleValue();
            case ARRAY -> {
                List<Object> items = new ArrayList<>();
                node.forEach(item -> items.add(value(item)));
                yield items;
            }
            case OBJECT -> {
                Map<String, Object> fields = new LinkedHashMap<>();
                node.properties().forEach(field -> fields.put(field.getKey(), value(field.getValue())));
                yield fields;
            }
            default -> null;
        };
    }

    /// Whether it says what an assistant generates, with `{% generation %}`.
    public boolean marksGenerated() {
        return template.marksGenerated();
    }

    /// The template itself.
    public String source() {
        return source;
    }
}
