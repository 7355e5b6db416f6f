package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.worker.failure.CallerException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The files of a tokenizer that travel with an export.
///
/// @param tokenizer its content, for special tokens
/// @param paths tokenizer.json first
record TokenizerFiles(JsonNode tokenizer, List<Path> paths) {
    private static final String TOKENIZER = "tokenizer.json";
    private static final String CONFIG = "tokenizer_config.json";
    private static final List<String> COMPANIONS = List.of(CONFIG, "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
            "chat_template.json", "vocab.json", "merges.txt", "tokenizer.model");

    /// @param path a directory with tokenizer.json, or that file
    static TokenizerFiles of(Path path) {
        Path file = Files.isDirectory(path) ? path.resolve(TOKENIZER) : path;
        if (!Files.isRegularFile(file)) {
            throw new CallerException("tokenizer_name=%s has no %s; give a directory that has one".formatted(path, TOKENIZER));
        }
        JsonNode tokenizer;
        try {
            tokenizer = new JsonMapper().readTree(file.toFile());
        } catch (JacksonException e) {
            throw new CallerException("tokenizer_name=%s: %s is not valid JSON (%s); give another tokenizer".formatted(path, file,
                    e.getOriginalMessage()), e);
        }
        var paths = new ArrayList<>(List.of(file));
        if (Files.isDirectory(path)) { COMPANIONS.stream().map(path::resolve).filter(Files::isRegularFile).forEach(paths::add); }
        return new TokenizerFiles(tokenizer, List.copyOf(paths));
    }

    void copy(ExportDirectory into, ExportedConfig config) {
        into.copy(paths.getFirst(), TOKENIZER);
        paths.stream().skip(1).forEach(p -> into.copy(p, p.getFileName().toString()));
        if (paths.stream().noneMatch(p -> p.endsWith(CONFIG))) { into.write(CONFIG, config.tokenizerConfigJson(tokenizer)); }
    }
}
