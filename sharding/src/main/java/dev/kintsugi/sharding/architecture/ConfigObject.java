package dev.kintsugi.sharding.architecture;

import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A JSON object read field by field, with errors that name the file, the field and what was expected.
final class ConfigObject {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final JsonNode node;
    private final String source;

    private ConfigObject(JsonNode node, String source) {
        this.node = node;
        this.source = source;
    }

    static ConfigObject parse(String json, String source) {
        JsonNode node;
        try {
            node = JSON.readTree(json);
        } catch (JacksonException e) {
            throw new IllegalArgumentException("%s is not valid JSON (%s); replace it with the model's config.json"
                    .formatted(source, e.getOriginalMessage()), e);
        }
        if (!node.isObject()) {
            throw new IllegalArgumentException(
                    "%s holds no JSON object; replace it with the model's config.json".formatted(source));
        }
        return new ConfigObject(node, source);
    }

    /// The object under `field`, or null when the field is absent or null.
    ConfigObject object(String field) {
        if (!has(field)) { return null; }
        if (!node.get(field).isObject()) { throw wrong(field, "an object"); }
        return new ConfigObject(node.get(field), source + ", " + field);
    }

    boolean has(String field) {
        return node.hasNonNull(field);
    }

    /// Whether the field is there and says null, as some fields do for "as usual".
    boolean isNull(String field) {
        return node.has(field) && node.get(field).isNull();
    }

    int positiveInt(String field) {
        if (!has(field)) { throw error("field %s is missing; it must be a whole number >= 1".formatted(field)); }
        JsonNode value = node.get(field);
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 1) {
            throw wrong(field, "a whole number >= 1");
        }
        return value.intValue();
    }

    /// At least 0.
    int wholeNumber(String field, int otherwise) {
        if (!has(field)) { return otherwise; }
        JsonNode value = node.get(field);
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 0) { throw wrong(field, "a whole number >= 0"); }
        return value.intValue();
    }

    /// The elements of a list of strings; none when the field is absent or null.
    List<String> texts(String field) {
        if (!has(field)) { return List.of(); }
        JsonNode value = node.get(field);
        if (!value.isArray() || !value.valueStream().allMatch(JsonNode::isString)) { throw wrong(field, "a list of strings"); }
        return value.valueStream().map(JsonNode::stringValue).toList();
    }

    int positiveInt(String field, int otherwise) {
        return has(field) ? positiveInt(field) : otherwise;
    }

    double positiveNumber(String field) {
        if (!has(field)) { throw error("field %s is missing; it must be a number > 0".formatted(field)); }
        JsonNode value = node.get(field);
        if (!value.isNumber() || !(value.doubleValue() > 0) || Double.isInfinite(value.doubleValue())) {
            throw wrong(field, "a number > 0");
        }
        return value.doubleValue();
    }

    double positiveNumber(String field, double otherwise) {
        return has(field) ? positiveNumber(field) : otherwise;
    }

    double number(String field, double otherwise) {
        if (!has(field)) { return otherwise; }
        if (!node.get(field).isNumber()) { throw wrong(field, "a number"); }
        return node.get(field).doubleValue();
    }

    /// @throws IllegalArgumentException if the field asks for dropout
    void refuseDropout(String field) {
        if (number(field, 0) != 0) { throw wrong(field, "0: dropout is not supported"); }
    }

    boolean flag(String field, boolean otherwise) {
        if (!has(field)) { return otherwise; }
        if (!node.get(field).isBoolean()) { throw wrong(field, "true or false"); }
        return node.get(field).booleanValue();
    }

    String text(String field, String otherwise) {
        if (!has(field)) { return otherwise; }
        if (!node.get(field).isString()) { throw wrong(field, "a string"); }
        return node.get(field).stringValue();
    }

    IllegalArgumentException wrong(String field, String expected) {
        return error("field %s=%s must be %s".formatted(field, node.get(field), expected));
    }

    IllegalArgumentException error(String what) {
        return new IllegalArgumentException(source + ": " + what);
    }
}
