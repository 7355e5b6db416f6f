package dev.kintsugi.worker.data.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What may stand behind `is`: Jinja2's tests.
final class Checks {
    private Checks() {
    }

    static boolean holds(String name, Object value, Arguments arguments) {
        return switch (name) {
            case "defined" -> !(value instanceof Undefined);
            case "undefined" -> value instanceof Undefined;
            case "none" -> value == null;
            case "true" -> value instanceof Boolean b && b;
            case "false" -> value instanceof Boolean b && !b;
            case "boolean" -> value instanceof Boolean;
            case "string" -> value instanceof String;
            case "number" -> Values.isNumber(value);
            case "integer" -> value instanceof Long;
            case "float" -> value instanceof Double;
            case "mapping" -> value instanceof Map<?, ?>;
            case "sequence" -> value instanceof List<?> || value instanceof String || value instanceof Map<?, ?> || value instanceof Undefined;
            case "iterable" -> value instanceof List<?> || value instanceof String || value instanceof Map<?, ?> || value instanceof Undefined;
            case "callable" -> value instanceof Callable;
            case "eq", "equalto", "==" -> Values.equal(value, arguments.required(0, "other"));
            case "ne", "!=" -> !Values.equal(value, arguments.required(0, "other"));
            case "lt", "lessthan", "<" -> Values.compare(value, arguments.required(0, "other")) < 0;
            case "le", "<=" -> Values.compare(value, arguments.required(0, "other")) <= 0;
            case "gt", "greaterthan", ">" -> Values.compare(value, arguments.required(0, "other")) > 0;
            case "ge", ">=" -> Values.compare(value, arguments.required(0, "other")) >= 0;
            case "in" -> Values.contains(arguments.required(0, "seq"), value);
            case "odd" -> Math.floorMod(Values.integer(value), 2L) == 1;
            case "even" -> Math.floorMod(Values.integer(value), 2L) == 0;
            case "divisibleby" -> Math.floorMod(Values.integer(value), Values.integer(arguments.required(0, "num"))) == 0;
            case "upper" -> Values.text(value).equals(Values.text(value).toUpperCase(Locale.ROOT));
            case "lower" -> Values.text(value).equals(Values.text(value).toLowerCase(Locale.ROOT));
            default -> throw new TemplateException("the test '%s' is not supported".formatted(name));
        };
    }
}
