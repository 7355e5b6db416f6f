package dev.kintsugi.worker.data.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// JSON as Python's `json.dumps` writes it.
///
/// @param indent of each level; null: all in one line
/// @param between items
/// @param colon between key and value
record JsonText(boolean ascii, String indent, String between, String colon, boolean sorted) {
    static String of(Object value, Arguments how) {
        Object indent = how.get(1, "indent", null);
        String step = indent == null ? null : indent instanceof String s ? s : " ".repeat((int) Values.integer(indent));
        Object separators = how.get(2, "separators", null);
        String between = separators == null ? step == null ? ", " : "," : (String) Values.item(separators, 0L);
        String colon = separators == null ? ": " : (String) Values.item(separators, 1L);
        var out = new StringBuilder();
        new JsonText(Values.isTrue(how.get(0, "ensure_ascii", false)), step, between, colon, Values.isTrue(how.get(3, "sort_keys", false)))
                .write(out, value, "\n");
        return out.toString();
    }

    private void write(StringBuilder out, Object value, String lineEnd) {
        switch (value) {
            case null -> out.append("null");
            case Boolean b -> out.append(b);
            case Long n -> out.append(n);
            case Double d -> out.append(Double.isNaN(d) ? "NaN" : Double.isInfinite(d) ? d > 0 ? "Infinity" : "-Infinity" : Values.floating(d));
            case String s -> string(out, s);
            case List<?> l -> list(out, l, lineEnd);
            case Map<?, ?> m -> map(out, m, lineEnd);
            default -> throw new TemplateException("a %s has no JSON".formatted(Values.type(value)));
        }
    }

    private void list(StringBuilder out, List<?> items, String lineEnd) {
        String inner = indent == null ? "" : lineEnd + indent;
        out.append('[');
        Iterator<?> iterator = items.iterator();
        while (iterator.hasNext()) {
            out.append(inner);
            write(out, iterator.next(), inner);
            if (iterator.hasNext()) { out.append(between); }
        }
        out.append(items.isEmpty() || indent == null ? "" : lineEnd).append(']');
    }

    private void map(StringBuilder out, Map<?, ?> given, String lineEnd) {
        Map<?, ?> fields = sorted ? new TreeMap<>(given) : given;
        String inner = indent == null ? "" : lineEnd + indent;
        out.append('{');
        Iterator<? extends Map.Entry<?, ?>> iterator = fields.entrySet().iterator();
        while (iterator.hasNext()) {
            Map.Entry<?, ?> field = iterator.next();
            out.append(inner);
            string(out, Values.text(field.getKey()));
            out.append(colon);
            write(out, field.getValue(), inner);
            if (iterator.hasNext()) { out.append(between); }
        }
        out.append(fields.isEmpty() || indent == null ? "" : lineEnd).append('}');
    }

    private void string(StringBuilder out, String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                default -> {
                    if (c < ' ' || ascii && c > '~') {
                        out.append("\\u%04x".formatted((int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }
}
