package dev.kintsugi.worker.data;

import dev.kintsugi.worker.data.chat.BuiltInTemplates;
import dev.kintsugi.worker.data.chat.ChatTemplate;
import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// Finds the chat template that a job means: a built-in one, a file, or the tokenizer's own, which is in `chat_template.jinja` beside
/// `tokenizer.json` or in `tokenizer_config.json`.
final class ChatTemplates {
    private ChatTemplates() {
    }

    static ChatTemplate find(SampleSettings settings, Tokenizer tokenizer) {
        SpecialTokens special = SpecialTokens.besides(tokenizer.file());
        Map<String, String> tokens = special.texts();
        String format = settings.chatTemplateFormat();
        if (format.equals("none")) {
            throw new CallerException("--chat_template_format none makes no text of messages; leave it out for the tokenizer's own template, or use one of "
                    + String.join(", ", BuiltInTemplates.NAMES));
        }
        if (!format.isEmpty()) { return ChatTemplate.of(BuiltInTemplates.source(format), format, tokens); }
        if (!settings.chatTemplatePath().isEmpty()) { return file(Path.of(settings.chatTemplatePath()), tokens); }
        Path beside = tokenizer.file().resolveSibling("chat_template.jinja");
        if (Files.isRegularFile(beside)) { return file(beside, tokens); }
        Path config = tokenizer.file().resolveSibling("tokenizer_config.json");
        String own = own(special.chatTemplate());
        if (own.isEmpty()) {
            throw new CallerException(("tokenizer %s has no chat template, which records of messages need; choose one with --chat_template_format "
                    + "(%s) or --chat_template_path").formatted(tokenizer.file(), String.join(", ", BuiltInTemplates.NAMES)));
        }
        return ChatTemplate.of(own, config.toString(), tokens);
    }

    private static ChatTemplate file(Path file, Map<String, String> tokens) {
        try {
            return ChatTemplate.of(Files.readString(file), file.toString(), tokens);
        } catch (IOException e) {
            throw new CallerException("chat template %s cannot be read (%s); give a file with a Jinja template in UTF-8".formatted(file, e.getMessage()), e);
        }
    }

    /// Of several, the one called `default`.
    private static String own(JsonNode template) {
        if (!template.isArray()) { return template.asString(""); }
        for (JsonNode named : template) {
            if (named.path("name").asString("").equals("default")) { return named.path("template").asString(""); }
        }
        return "";
    }
}
