package dev.kintsugi.worker.generate;

import dev.kintsugi.worker.failure.CallerException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The tokens that end a text: `eos_token_id`, a number or several, of generation_config.json, else of config.json, as in
/// Transformers; where neither says, the tokenizer's `eos_token`.
final class StopTokens {
    private static final JsonMapper JSON = new JsonMapper();

    private StopTokens() {}

    static Set<Integer> of(LoadedModel model) {
        for (String name : List.of("generation_config.json", "config.json")) {
            Set<Integer> ids = read(model.directory().resolve(name));
            if (!ids.isEmpty()) { return ids; }
        }
        return model.tokenizer().eosId().isPresent() ? Set.of(model.tokenizer().eosId().getAsInt()) : Set.of();
    }

    private static Set<Integer> read(Path file) {
        Set<Integer> ids = new TreeSet<>();
        if (!Files.isRegularFile(file)) { return ids; }
        try {
            JsonNode eos = JSON.readTree(file).path("eos_token_id");
            if (eos.isInt()) { ids.add(eos.intValue()); }
            if (eos.isArray()) { eos.valueStream().filter(JsonNode::isInt).forEach(id -> ids.add(id.intValue())); }
            return ids;
        } catch (JacksonException e) {
            throw new CallerException("%s: not valid JSON: %s; correct or remove it".formatted(file, e.getOriginalMessage()), e);
        }
    }
}
