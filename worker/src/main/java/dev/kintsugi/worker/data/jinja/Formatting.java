package dev.kintsugi.worker.data.jinja;

import java.util.List;

/// Python's two ways to put values into a text, as far as templates go: `%s` and `%d`, and `{}`.
final class Formatting {
    private Formatting() {
    }

    static String percent(String format, Object values) {
        List<?> given = values instanceof Tuple t ? t : List.of(values == null ? "None" : values);
        var out = new StringBuilder();
        int used = 0;
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%') {
                out.append(c);
                continue;
            }
            char kind = ++i < format.length() ? format.charAt(i) : ' ';
            if (kind == '%') {
                out.append('%');
            } else if ((kind == 's' || kind == 'd') && used < given.size()) {
                Object value = given.get(used++);
                out.append(kind == 's' ? Values.text(value) : Long.toString((long) Values.number(value)));
            } else {
                throw new TemplateException("the format '%s' does not fit its %d values; %%s and %%d are known".formatted(format, given.size()));
            }
        }
        if (used < given.size()) { throw new TemplateException("the format '%s' leaves values out".formatted(format)); }
        return out.toString();
    }

    static String braces(String format, Arguments values) {
        var out = new StringBuilder();
        int used = 0;
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if ((c == '{' || c == '}') && i + 1 < format.length() && format.charAt(i + 1) == c) {
                out.append(c);
                i++;
            } else if (c == '{') {
                int end = format.indexOf('}', i);
                String name = end < 0 ? "!" : format.substring(i + 1, end);
                if (!name.chars().allMatch(ch -> Character.isLetterOrDigit(ch) || ch == '_')) {
                    throw new TemplateException("the format '%s' has more than names between its braces".formatted(format));
                }
                boolean place = name.isEmpty() || Character.isDigit(name.charAt(0));
                int at = name.isEmpty() ? used++ : place ? Integer.parseInt(name) : Integer.MAX_VALUE;
                out.append(Values.text(values.required(at, name.isEmpty() ? Integer.toString(at) : name)));
                i = end;
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }
}
