package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What a record of a dataset says, in one of the forms that TRL reads.
sealed interface Example {
    /// The form of all records of a dataset.
    enum Form {
        TEXT("text"), COMPLETION("prompt and completion"), CHAT("messages"), CHAT_COMPLETION("prompt and completion of messages");

        private final String label;

        Form(String label) {
            this.label = label;
        }

        String label() {
            return label;
        }

        boolean isChat() {
            return this == CHAT || this == CHAT_COMPLETION;
        }

        boolean hasCompletion() {
            return this == COMPLETION || this == CHAT_COMPLETION;
        }
    }

    /// Plain text.
    record Text(String text) implements Example {}

    /// A prompt, and what should follow it.
    record Completion(String prompt, String completion) implements Example {}

    /// A conversation. Of a prompt and a completion, the first messages are the prompt.
    ///
    /// @param messages objects with a `role` and mostly a `content`
    /// @param prompt how many of them are the prompt; -1: the conversation is one piece
    /// @param tools what a template is told of tools; null where there are none
    record Chat(ArrayNode messages, int prompt, JsonNode tools) implements Example {}

    default Form form() {
        return switch (this) {
            case Text _ -> Form.TEXT;
            case Completion _ -> Form.COMPLETION;
            case Chat chat -> chat.prompt < 0 ? Form.CHAT : Form.CHAT_COMPLETION;
        };
    }

    /// @param textField of plain text; another name than `text` wins over all else that the record has
    /// @throws CallerException naming file and line, if the record has none of the forms
    static Example of(Row row, String textField) {
        JsonNode fields = row.fields();
        boolean textIsNamed = !textField.equals("text") && fields.path(textField).isString();
        if (!textIsNamed && fields.has("prompt") && fields.has("completion")) { return completion(row); }
        for (String name : new String[] {"messages", "conversations"}) {
            if (!textIsNamed && fields.has(name)) { return new Chat(messages(row, name), -1, tools(fields)); }
        }
        JsonNode text = fields.path(textField);
        if (!text.isString()) {
            throw new CallerException(("dataset file %s: no string field '%s' (fields: %s); name the field with --dataset_text_field, or give "
                    + "prompt and completion, or messages").formatted(row.place(), textField, row.names()));
        }
        return new Text(text.asString());
    }

    private static Example completion(Row row) {
        JsonNode prompt = row.fields().get("prompt");
        JsonNode completion = row.fields().get("completion");
        if (prompt.isString() && completion.isString()) { return new Completion(prompt.asString(), completion.asString()); }
        if (!prompt.isArray() || !completion.isArray()) {
            throw new CallerException("dataset file %s: 'prompt' and 'completion' must both be strings or both be lists of messages".formatted(row.place()));
        }
        ArrayNode all = messages(row, "prompt");
        int prompts = all.size();
        return new Chat(all.addAll(messages(row, "completion")), prompts, tools(row.fields()));
    }

    /// `from` and `value`, an older way to write messages, become `role` and `content`.
    private static ArrayNode messages(Row row, String field) {
        JsonNode given = row.fields().get(field);
        if (!given.isArray() || given.isEmpty()) {
            throw new CallerException("dataset file %s: '%s' must be a list of messages, with at least one".formatted(row.place(), field));
        }
        ArrayNode messages = JsonNodeFactory.instance.arrayNode();
        for (JsonNode message : given) { messages.add(message(row, field, message)); }
        return messages;
    }

    private static ObjectNode message(Row row, String field, JsonNode given) {
        ObjectNode message = JsonNodeFactory.instance.objectNode();
        given.properties().forEach(p -> message.set(switch (p.getKey()) {
            case "from" -> "role";
            case "value" -> "content";
            default -> p.getKey();
        }, p.getValue()));
        if (!message.path("role").isString()) {
            throw new CallerException("dataset file %s: a message of '%s' has no string field 'role' (fields: %s)"
                    .formatted(row.place(), field, new Row(given, "").names()));
        }
        if (!message.has("content") && !message.has("tool_calls")) {
            throw new CallerException("dataset file %s: a message of '%s' has no field 'content' (fields: %s)"
                    .formatted(row.place(), field, new Row(given, "").names()));
        }
        return message;
    }

    private static JsonNode tools(JsonNode fields) {
        JsonNode tools = fields.path("tools");
        return tools.isArray() && !tools.isEmpty() ? tools : null;
    }
}
