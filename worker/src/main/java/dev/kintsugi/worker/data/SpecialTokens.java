package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Which tokens begin and end a text: named by `tokenizer_config.json` or `special_tokens_map.json` beside `tokenizer.json`, else
/// numbered by `generation_config.json` or `config.json`.
final class SpecialTokens {
    private static final JsonMapper JSON = new JsonMapper();
    private static final List<String> NAMING = List.of("tokenizer_config.json", "special_tokens_map.json");
    private static final List<String> NUMBERING = List.of("generation_config.json", "config.json");

    private final Path directory;

    private SpecialTokens(Path directory) {
        this.directory = directory;
    }

    static SpecialTokens besides(Path tokenizerFile) {
        return new SpecialTokens(tokenizerFile.toAbsolutePath().getParent());
    }

    /// @throws CallerException if a file names a token that the tokenizer does not have
    OptionalInt eosId(Tokenizer tokenizer) {
        return id("eos_token", tokenizer, true);
    }

    /// Only an empty prompt needs it, so a name that is no token counts as none.
    OptionalInt bosId(Tokenizer tokenizer) {
        return id("bos_token", tokenizer, false);
    }

    /// What a chat template knows of special tokens: `bos_token`, `eos_token` and so on.
    Map<String, String> texts() {
        Map<String, String> texts = new HashMap<>();
        for (String field : List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")) {
            NAMING.stream().map(name -> text(field(name, field))).filter(text -> !text.isEmpty()).findFirst().ifPresent(text -> texts.put(field, text));
        }
        return texts;
    }

    /// The field `chat_template`: one, or several with their names; missing where there is none.
    JsonNode chatTemplate() {
        return field(NAMING.getFirst(), "chat_template");
    }

    private static String text(JsonNode token) {
        return token.isObject() ? token.path("content").asString("") : token.asString("");
    }

    private OptionalInt id(String field, Tokenizer tokenizer, boolean required) {
        for (String name : NAMING) {
            String text = text(field(name, field));
            if (text.isEmpty()) { continue; }
            int[] ids = tokenizer.encode(text, false);
            if (ids.length == 1) { return OptionalInt.of(ids[0]); }
            if (required) { throw noToken(name, field, text, tokenizer); }
        }
        for (String name : NUMBERING) {
            JsonNode id = field(name, field + "_id");
            if (id.isArray()) { id = id.path(0); }
            if (id.isInt()) { return OptionalInt.of(id.intValue()); }
        }
        return OptionalInt.empty();
    }

    private CallerException noToken(String name, String field, String text, Tokenizer tokenizer) {
        return new CallerException("%s: %s=%s is not a token of %s; add it to added_tokens there or correct the name"
                .formatted(directory.resolve(name), field, text, tokenizer.file()));
    }

    private JsonNode field(String name, String field) {
        Path file = directory.resolve(name);
        if (!Files.isRegularFile(file)) { return JSON.missingNode(); }
        try {
            return JSON.readTree(file).path(field);
        } catch (JacksonException e) {
            throw new CallerException("%s: not valid JSON: %s; correct or remove it".formatted(file, e.getOriginalMessage()), e);
        }
    }
}
