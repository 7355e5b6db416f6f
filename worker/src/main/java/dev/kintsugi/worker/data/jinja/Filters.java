package dev.kintsugi.worker.data.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;

/// What may stand behind `|`: Jinja2's filters, and Transformers' `tojson`.
final class Filters {
    private Filters() {
    }

    static Object apply(String name, Object value, Arguments a) {
        return switch (name) {
            case "trim" -> Methods.of(Values.text(value), "strip").call(a);
            case "length", "count" -> Values.length(value);
            case "tojson" -> JsonText.of(value, a);
            case "default", "d" -> value instanceof Undefined || Values.isTrue(a.get(1, "boolean", false)) && !Values.isTrue(value)
                    ? a.get(0, "default_value", "") : value;
            case "join" -> join(value, a);
            case "list" -> new ArrayList<>(Values.items(value));
            case "items" -> value instanceof Undefined ? List.of() : Methods.of(requireMap(value), "items").call(a);
            case "dictsort" -> dictsort(requireMap(value));
            case "first" -> Values.items(value).isEmpty() ? new Undefined("first item") : Values.items(value).getFirst();
            case "last" -> Values.items(value).isEmpty() ? new Undefined("last item") : Values.items(value).getLast();
            case "reverse" -> reverse(value);
            case "sort" -> sorted(value, a);
            case "unique" -> unique(value);
            case "map" -> map(value, a);
            case "select" -> selected(value, x -> check(x, a, 0));
            case "reject" -> selected(value, x -> !check(x, a, 0));
            case "selectattr" -> selected(value, x -> check(attribute(x, a.text(0, "attribute")), a, 1));
            case "rejectattr" -> selected(value, x -> !check(attribute(x, a.text(0, "attribute")), a, 1));
            case "sum" -> sum(value, a);
            case "min" -> Collections.min(Values.items(value), Values::compare);
            case "max" -> Collections.max(Values.items(value), Values::compare);
            case "upper" -> Values.text(value).toUpperCase(Locale.ROOT);
            case "lower" -> Values.text(value).toLowerCase(Locale.ROOT);
            case "title" -> Methods.title(Values.text(value));
            case "capitalize" -> Methods.capitalize(Values.text(value));
            case "replace" -> Methods.replace(Values.text(value), Values.text(a.required(0, "old")), Values.text(a.required(1, "new")),
                    a.number(2, "count", -1));
            case "indent" -> indent(Values.text(value), a);
            case "string" -> Values.text(value);
            case "safe" -> value;
            case "escape", "e" -> escape(Values.text(value));
            case "int" -> toInt(value, a);
            case "float" -> toFloat(value, a);
            case "abs" -> value instanceof Long n ? (Object) Math.abs(n) : Math.abs(Values.number(value));
            case "round" -> round(value, a);
            case "attr" -> attribute(value, a.text(0, "name"));
            case "format" -> Formatting.percent(Values.text(value), new Tuple(a.positional()));
            default -> throw new TemplateException("the filter '%s' is not supported".formatted(name));
        };
    }

    private static Map<?, ?> requireMap(Object value) {
        if (value instanceof Map<?, ?> map) { return map; }
        throw new TemplateException("a %s where a mapping should be".formatted(Values.type(value)));
    }

    private static String join(Object value, Arguments a) {
        Object attribute = a.get(1, "attribute", null);
        List<String> parts = Values.items(value).stream().map(x -> attribute == null ? x : attribute(x, (String) attribute)).map(Values::text).toList();
        return String.join(Values.text(a.get(0, "d", "")), parts);
    }

    /// `a.b` stands for an attribute of an attribute.
    private static Object attribute(Object of, String path) {
        Object value = of;
        for (String name : path.split("\\.", -1)) {
            boolean place = !name.isEmpty() && name.chars().allMatch(Character::isDigit);
            value = Values.item(value, place ? (Object) Long.valueOf(name) : name);
        }
        return value;
    }

    private static Object map(Object value, Arguments a) {
        List<Object> mapped = new ArrayList<>();
        Object attribute = a.get(Integer.MAX_VALUE, "attribute", null);
        for (Object x : Values.items(value)) {
            if (attribute == null) {
                mapped.add(apply(a.text(0, "filter"), x, a.from(1)));
            } else {
                Object found = attribute(x, Values.text(attribute));
                mapped.add(found instanceof Undefined ? a.get(Integer.MAX_VALUE, "default", found) : found);
            }
        }
        return mapped;
    }

    private static boolean check(Object x, Arguments a, int from) {
        if (a.positional().size() <= from) { return Values.isTrue(x); }
        return Checks.holds(a.text(from, "test"), x, a.from(from + 1));
    }

    private static List<Object> selected(Object value, Predicate<Object> wanted) {
        return Values.items(value).stream().filter(wanted).toList();
    }

    private static Object reverse(Object value) {
        if (value instanceof String s) { return new StringBuilder(s).reverse().toString(); }
        List<Object> items = new ArrayList<>(Values.items(value));
        Collections.reverse(items);
        return items;
    }

    private static List<Object> sorted(Object value, Arguments a) {
        List<Object> items = new ArrayList<>(Values.items(value));
        Object attribute = a.get(2, "attribute", null);
        boolean caseSensitive = Values.isTrue(a.get(1, "case_sensitive", false));
        java.util.Comparator<Object> order = (x, y) -> Values.compare(key(x, attribute, caseSensitive), key(y, attribute, caseSensitive));
        items.sort(Values.isTrue(a.get(0, "reverse", false)) ? order.reversed() : order);
        return items;
    }

    private static Object key(Object x, Object attribute, boolean caseSensitive) {
        Object value = attribute == null ? x : attribute(x, Values.text(attribute));
        return value instanceof String s && !caseSensitive ? s.toLowerCase(Locale.ROOT) : value;
    }

    private static List<Object> dictsort(Map<?, ?> map) {
        return map.entrySet().stream().sorted((x, y) -> Values.compare(key(x.getKey(), null, false), key(y.getKey(), null, false)))
                .<Object>map(e -> new Tuple(java.util.Arrays.asList(e.getKey(), e.getValue()))).toList();
    }

    private static List<Object> unique(Object value) {
        List<Object> kept = new ArrayList<>();
        for (Object x : Values.items(value)) {
            if (kept.stream().noneMatch(y -> Values.equal(key(x, null, false), key(y, null, false)))) { kept.add(x); }
        }
        return kept;
    }

    private static Object sum(Object value, Arguments a) {
        Object attribute = a.get(0, "attribute", null);
        Object total = a.get(1, "start", 0L);
        for (Object x : Values.items(value)) { total = Arithmetic.binary("+", total, attribute == null ? x : attribute(x, Values.text(attribute))); }
        return total;
    }

    private static String indent(String text, Arguments a) {
        Object width = a.get(0, "width", 4L);
        String step = width instanceof String s ? s : " ".repeat((int) Values.integer(width));
        boolean first = Values.isTrue(a.get(1, "first", false));
        boolean blank = Values.isTrue(a.get(2, "blank", false));
        var out = new StringBuilder();
        List<Object> lines = Splitting.lines(text + "\n", false);
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            if (i > 0) { out.append('\n'); }
            if (i == 0 ? first : blank || !line.isEmpty()) { out.append(step); }
            out.append(line);
        }
        return out.toString();
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;").replace("'", "&#39;").replace("\"", "&#34;");
    }

    private static Object toInt(Object value, Arguments a) {
        try {
            return value instanceof String s ? (Object) new BigDecimal(Text.strip(s)).longValue() : (long) Values.number(value);
        } catch (NumberFormatException | TemplateException e) {
            return a.get(0, "default", 0L);
        }
    }

    private static Object toFloat(Object value, Arguments a) {
        try {
            return value instanceof String s ? Double.valueOf(Text.strip(s)) : (Object) Values.number(value);
        } catch (NumberFormatException | TemplateException e) {
            return a.get(0, "default", 0.0);
        }
    }

    private static Object round(Object value, Arguments a) {
        RoundingMode mode = switch (Values.text(a.get(1, "method", "common"))) {
            case "ceil" -> RoundingMode.CEILING;
            case "floor" -> RoundingMode.FLOOR;
            default -> RoundingMode.HALF_EVEN;
        };
        return new BigDecimal(Values.number(value)).setScale((int) a.number(0, "precision", 0), mode).doubleValue();
    }
}
