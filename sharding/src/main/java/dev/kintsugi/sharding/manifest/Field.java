package dev.kintsugi.sharding.manifest;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/// A JSON value that knows its path, so that a wrong one can be named.
record Field(String path, JsonNode node) {
    static Field root(JsonNode node) {
        return new Field("", node);
    }

    Field get(String name) {
        String childPath = path.isEmpty() ? name : path + "." + name;
        JsonNode child = node.get(name);
        if (child == null) { throw new IllegalArgumentException("field %s is missing".formatted(childPath)); }
        return new Field(childPath, child);
    }

    boolean has(String name) {
        return node.has(name);
    }

    List<Field> elements() {
        if (!node.isArray()) { throw wrong("an array"); }
        var fields = new ArrayList<Field>();
        for (JsonNode n : node) {
            fields.add(new Field("%s[%d]".formatted(path, fields.size()), n));
        }
        return fields;
    }

    String text() {
        if (!node.isString()) { throw wrong("a string"); }
        return node.stringValue();
    }

    /// The one of that name, in upper or lower case.
    <E extends Enum<E>> E oneOf(E[] values) {
        return Arrays.stream(values).filter(v -> v.name().equalsIgnoreCase(text())).findFirst()
                .orElseThrow(() -> wrong("one of " + Arrays.toString(values).toLowerCase(Locale.ROOT)));
    }

    long integer() {
        if (!node.isIntegralNumber() || !node.canConvertToLong()) { throw wrong("a 64-bit integer"); }
        return node.longValue();
    }

    int int32() {
        if (!node.isIntegralNumber() || !node.canConvertToInt()) { throw wrong("a 32-bit integer"); }
        return node.intValue();
    }

    double number() {
        if (!node.isNumber()) { throw wrong("a number"); }
        return node.doubleValue();
    }

    /// The object itself, compact.
    String object() {
        if (!node.isObject()) { throw wrong("an object"); }
        return node.toString();
    }

    private IllegalArgumentException wrong(String expected) {
        String text = node.toString();
        return new IllegalArgumentException("field %s=%s is not %s"
                .formatted(path, text.length() > 40 ? text.substring(0, 40) + "..." : text, expected));
    }
}
