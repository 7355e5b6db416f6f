package dev.kintsugi.worker.data.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;

/// The methods of strings, mappings and lists that templates may call. None changes anything.
final class Methods {
    private Methods() {
    }

    /// @return null when a value of that kind has no such method
    static Callable of(Object value, String name) {
        return switch (value) {
            case String s -> ofString(s, name);
            case Map<?, ?> m -> ofMap(m, name);
            case List<?> l -> ofList(l, name);
            case null, default -> null;
        };
    }

    private static Callable ofMap(Map<?, ?> m, String name) {
        return switch (name) {
            case "items" -> _ -> m.entrySet().stream().<Object>map(e -> new Tuple(java.util.Arrays.asList(e.getKey(), e.getValue()))).toList();
            case "keys" -> _ -> new ArrayList<Object>(m.keySet());
            case "values" -> _ -> new ArrayList<Object>(m.values());
            case "get" -> a -> m.containsKey(a.required(0, "key")) ? m.get(a.required(0, "key")) : a.get(1, "default", null);
            case "update", "pop", "setdefault", "clear", "popitem" -> _ -> { throw changes(name); };
            default -> null;
        };
    }

    private static Callable ofList(List<?> l, String name) {
        return switch (name) {
            case "index" -> a -> index(l, a.required(0, "value"));
            case "count" -> a -> l.stream().filter(x -> Values.equal(x, a.required(0, "value"))).count();
            case "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse" -> _ -> { throw changes(name); };
            default -> null;
        };
    }

    private static TemplateException changes(String name) {
        return new TemplateException("'%s' would change a value, which templates may not".formatted(name));
    }

    private static long index(List<?> l, Object wanted) {
        for (int i = 0; i < l.size(); i++) {
            if (Values.equal(l.get(i), wanted)) { return i; }
        }
        throw new TemplateException("%s is not in the list".formatted(Values.repr(wanted)));
    }

    private static Callable ofString(String s, String name) {
        return switch (name) {
            case "strip" -> a -> strip(s, a, true, true);
            case "lstrip" -> a -> strip(s, a, true, false);
            case "rstrip" -> a -> strip(s, a, false, true);
            case "split" -> a -> Splitting.split(s, a.get(0, "sep", null), a.number(1, "maxsplit", -1));
            case "rsplit" -> a -> Splitting.rsplit(s, a.get(0, "sep", null), a.number(1, "maxsplit", -1));
            case "splitlines" -> a -> Splitting.lines(s, Values.isTrue(a.get(0, "keepends", false)));
            case "partition" -> a -> Splitting.partition(s, a.text(0, "sep"));
            case "startswith" -> a -> anyOf(a.required(0, "prefix"), s::startsWith);
            case "endswith" -> a -> anyOf(a.required(0, "suffix"), s::endsWith);
            case "upper" -> _ -> s.toUpperCase(Locale.ROOT);
            case "lower" -> _ -> s.toLowerCase(Locale.ROOT);
            case "title" -> _ -> title(s);
            case "capitalize" -> _ -> capitalize(s);
            case "replace" -> a -> replace(s, a.text(0, "old"), a.text(1, "new"), a.number(2, "count", -1));
            case "join" -> a -> String.join(s, Values.items(a.required(0, "iterable")).stream().map(Methods::requireText).toList());
            case "find" -> a -> codePoints(s, s.indexOf(a.text(0, "sub")));
            case "rfind" -> a -> codePoints(s, s.lastIndexOf(a.text(0, "sub")));
            case "count" -> a -> count(s, a.text(0, "sub"));
            case "removeprefix" -> a -> s.startsWith(a.text(0, "prefix")) ? s.substring(a.text(0, "prefix").length()) : s;
            case "removesuffix" -> a -> s.endsWith(a.text(0, "suffix")) ? s.substring(0, s.length() - a.text(0, "suffix").length()) : s;
            case "format" -> a -> Formatting.braces(s, a);
            case "isdigit" -> _ -> all(s, Character::isDigit);
            case "isalpha" -> _ -> all(s, Character::isLetter);
            case "isalnum" -> _ -> all(s, Character::isLetterOrDigit);
            case "isspace" -> _ -> all(s, Text::isSpace);
            case "isupper" -> _ -> !s.equals(s.toLowerCase(Locale.ROOT)) && s.equals(s.toUpperCase(Locale.ROOT));
            case "islower" -> _ -> !s.equals(s.toUpperCase(Locale.ROOT)) && s.equals(s.toLowerCase(Locale.ROOT));
            default -> null;
        };
    }

    private static String strip(String s, Arguments a, boolean left, boolean right) {
        Object given = a.get(0, "chars", null);
        String chars = given == null ? null : requireText(given);
        IntPredicate drop = chars == null ? Text::isSpace : c -> chars.indexOf(c) >= 0;
        int from = 0;
        int to = s.length();
        while (left && from < to && drop.test(s.codePointAt(from))) { from += Character.charCount(s.codePointAt(from)); }
        while (right && to > from && drop.test(s.codePointBefore(to))) { to -= Character.charCount(s.codePointBefore(to)); }
        return s.substring(from, to);
    }

    private static String requireText(Object value) {
        if (value instanceof String text) { return text; }
        throw new TemplateException("a %s where a string should be".formatted(Values.type(value)));
    }

    private static boolean anyOf(Object given, java.util.function.Predicate<String> holds) {
        return given instanceof List<?> l ? l.stream().map(Methods::requireText).anyMatch(holds) : holds.test(requireText(given));
    }

    static String title(String s) {
        var out = new StringBuilder();
        boolean inWord = false;
        for (int c : s.codePoints().toArray()) {
            out.append(inWord ? Character.toString(c).toLowerCase(Locale.ROOT) : Character.toString(Character.toTitleCase(c)));
            inWord = Character.isLetter(c);
        }
        return out.toString();
    }

    static String capitalize(String s) {
        if (s.isEmpty()) { return s; }
        int first = s.codePointAt(0);
        return Character.toString(Character.toTitleCase(first)) + s.substring(Character.charCount(first)).toLowerCase(Locale.ROOT);
    }

    static String replace(String s, String old, String with, long count) {
        if (count < 0) { return s.replace(old, with); }
        var out = new StringBuilder();
        int at = 0;
        for (long n = 0; n < count && s.indexOf(old, at) >= 0 && !old.isEmpty(); n++) {
            int next = s.indexOf(old, at);
            out.append(s, at, next).append(with);
            at = next + old.length();
        }
        return out.append(s.substring(at)).toString();
    }

    private static long codePoints(String s, int at) {
        return at < 0 ? -1 : s.codePointCount(0, at);
    }

    private static long count(String s, String part) {
        if (part.isEmpty()) { return Text.length(s) + 1L; }
        long n = 0;
        for (int at = s.indexOf(part); at >= 0; at = s.indexOf(part, at + part.length())) { n++; }
        return n;
    }

    private static boolean all(String s, IntPredicate holds) {
        return !s.isEmpty() && s.codePoints().allMatch(holds);
    }
}
