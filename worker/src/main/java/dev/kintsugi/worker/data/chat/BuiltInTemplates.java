package dev.kintsugi.worker.data.chat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// The templates that come with Kintsugi, by the names of `--chat_template_format`. All mark what an assistant generates.
public final class BuiltInTemplates {
    public static final List<String> NAMES = List.of("openassistant", "chatml", "zephyr", "llama2");

    private BuiltInTemplates() {
    }

    /// @param name one of [#NAMES]
    public static String source(String name) {
        if (!NAMES.contains(name)) { throw new IllegalArgumentException("chat_template_format=%s; must be one of %s".formatted(name, NAMES)); }
        try (InputStream in = BuiltInTemplates.class.getResourceAsStream(name + ".jinja")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
