package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/// Finds the greatest id of a `tokenizer.json` without holding it: `model.vocab` and `added_tokens`.
final class Vocabulary {
    private static final JsonMapper JSON = new JsonMapper();

    private Vocabulary() {
    }

    /// @return one more than the greatest id
    static int size(Path file) {
        try (JsonParser parser = JSON.createParser(file)) {
            return 1 + greatestId(parser);
        } catch (JacksonException e) {
            throw new CallerException("tokenizer %s: not valid JSON: %s; give a Hugging Face tokenizer.json"
                    .formatted(file, e.getOriginalMessage()), e);
        }
    }

    private static int greatestId(JsonParser parser) {
        int greatest = -1;
        parser.nextToken();
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            if (name.equals("added_tokens")) {
                greatest = Math.max(greatest, greatestAdded(parser));
            } else if (name.equals("model") && parser.currentToken() == JsonToken.START_OBJECT) {
                greatest = Math.max(greatest, greatestOfModel(parser));
            } else {
                parser.skipChildren();
            }
        }
        return greatest;
    }

    private static int greatestAdded(JsonParser parser) {
        int greatest = -1;
        if (parser.currentToken() != JsonToken.START_ARRAY) { return greatest; }
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                boolean id = parser.currentName().equals("id");
                parser.nextToken();
                if (id) { greatest = Math.max(greatest, parser.getIntValue()); }
                parser.skipChildren();
            }
        }
        return greatest;
    }

    private static int greatestOfModel(JsonParser parser) {
        int greatest = -1;
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            boolean vocab = parser.currentName().equals("vocab");
            JsonToken value = parser.nextToken();
            if (vocab && value == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                    parser.nextToken();
                    greatest = Math.max(greatest, parser.getIntValue());
                }
            } else if (vocab && value == JsonToken.START_ARRAY) {
                // Unigram: pairs of piece and score, the id is the place.
                while (parser.nextToken() == JsonToken.START_ARRAY) {
                    parser.skipChildren();
                    greatest++;
                }
            } else {
                parser.skipChildren();
            }
        }
        return greatest;
    }
}
