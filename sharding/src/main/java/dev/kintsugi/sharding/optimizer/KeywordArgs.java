package dev.kintsugi.sharding.optimizer;

import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a flag gives by name: `momentum=0.9,nesterov=True`, or a JSON object.
final class KeywordArgs {
    private static final JsonMapper JSON = new JsonMapper();

    private final String flag;
    private final String owner;
    private final Map<String, String> given;
    private final TreeSet<String> known = new TreeSet<>();

    private KeywordArgs(String flag, String owner, Map<String, String> given) {
        this.flag = flag;
        this.owner = owner;
        this.given = given;
    }

    /// @param flag `--optim_args`
    /// @param owner whose arguments they are: `--optim sgd`
    static KeywordArgs parse(String flag, String owner, String text) {
        return new KeywordArgs(flag, owner, text.stripLeading().startsWith("{") ? object(flag, text) : pairs(flag, text));
    }

    private static Map<String, String> object(String flag, String text) {
        var given = new TreeMap<String, String>();
        try {
            for (Map.Entry<String, JsonNode> e : JSON.readTree(text).properties()) { given.put(e.getKey(), e.getValue().asString()); }
        } catch (JacksonException e) {
            throw new IllegalArgumentException("%s=%s is not valid JSON (%s)".formatted(flag, text, e.getOriginalMessage()), e);
        }
        return given;
    }

    private static Map<String, String> pairs(String flag, String text) {
        var given = new TreeMap<String, String>();
        for (String pair : text.replace(" ", "").split(",")) {
            int equals = pair.indexOf('=');
            if (pair.isEmpty()) { continue; }
            if (equals < 1) { throw new IllegalArgumentException("%s=%s: '%s' is not like name=value".formatted(flag, text, pair)); }
            given.put(pair.substring(0, equals), pair.substring(equals + 1));
        }
        return given;
    }

    /// At least 0, if it is given.
    OptionalDouble number(String name) {
        known.add(name);
        String text = given.get(name);
        if (text == null) { return OptionalDouble.empty(); }
        try {
            double value = Double.parseDouble(text);
            if (Double.isFinite(value) && value >= 0) { return OptionalDouble.of(value); }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("%s %s=%s is not a number".formatted(flag, name, text), e);
        }
        throw new IllegalArgumentException("%s %s=%s must be a number of at least 0".formatted(flag, name, text));
    }

    /// At least 0.
    double number(String name, double otherwise) {
        return number(name).orElse(otherwise);
    }

    boolean flag(String name) {
        known.add(name);
        String text = given.getOrDefault(name, "false");
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true", "1", "yes" -> true;
            case "false", "0", "no" -> false;
            default -> throw new IllegalArgumentException("%s %s=%s is neither True nor False".formatted(flag, name, text));
        };
    }

    String text(String name, String otherwise) {
        known.add(name);
        return given.getOrDefault(name, otherwise);
    }

    void requireAllUsed() {
        for (String name : given.keySet()) {
            if (known.contains(name)) { continue; }
            throw new IllegalArgumentException("%s %s is not for %s, which %s%s".formatted(flag, name, owner,
                    known.isEmpty() ? "takes none" : "takes " + String.join(", ", known),
                    name.equals("weight_decay") ? "; pass --weight_decay instead" : ""));
        }
    }
}
