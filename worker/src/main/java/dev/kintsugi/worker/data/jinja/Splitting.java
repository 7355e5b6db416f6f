package dev.kintsugi.worker.data.jinja;

import java.util.ArrayList;
import java.util.List;

/// Python's ways to cut a string.
final class Splitting {
    private Splitting() {
    }

    /// @param separator null: white space
    /// @param most cuts; negative: any number
    static List<Object> split(String s, Object separator, long most) {
        return separator == null ? words(s, most) : parts(s, check(separator), most);
    }

    private static String check(Object separator) {
        if (separator instanceof String text && !text.isEmpty()) { return text; }
        throw new TemplateException("strings are split at strings that are not empty");
    }

    private static List<Object> parts(String s, String separator, long most) {
        List<Object> parts = new ArrayList<>();
        int at = 0;
        for (int next = s.indexOf(separator); next >= 0 && (most < 0 || parts.size() < most); next = s.indexOf(separator, at)) {
            parts.add(s.substring(at, next));
            at = next + separator.length();
        }
        parts.add(s.substring(at));
        return parts;
    }

    private static List<Object> words(String s, long most) {
        List<Object> words = new ArrayList<>();
        String rest = Text.lstrip(s);
        while (!rest.isEmpty() && (most < 0 || words.size() < most)) {
            int end = 0;
            while (end < rest.length() && !Text.isSpace(rest.charAt(end))) { end++; }
            words.add(rest.substring(0, end));
            rest = Text.lstrip(rest.substring(end));
        }
        if (!rest.isEmpty()) { words.add(rest); }
        return words;
    }

    static List<Object> rsplit(String s, Object separator, long most) {
        if (most < 0) { return split(s, separator, -1); }
        if (separator == null) { throw new TemplateException("rsplit at white space with a limit is not supported"); }
        List<Object> parts = new ArrayList<>();
        String rest = s;
        String at = check(separator);
        for (int cut = rest.lastIndexOf(at); cut >= 0 && parts.size() < most; cut = rest.lastIndexOf(at)) {
            parts.addFirst(rest.substring(cut + at.length()));
            rest = rest.substring(0, cut);
        }
        parts.addFirst(rest);
        return parts;
    }

    static List<Object> lines(String s, boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int at = 0;
        for (int i = 0; i < s.length(); i++) {
            if (!endsLine(s.charAt(i))) { continue; }
            int end = i;
            if (s.charAt(i) == '\r' && i + 1 < s.length() && s.charAt(i + 1) == '\n') { i++; }
            lines.add(s.substring(at, keepEnds ? i + 1 : end));
            at = i + 1;
        }
        if (at < s.length()) { lines.add(s.substring(at)); }
        return lines;
    }

    private static boolean endsLine(char c) {
        return c >= '\n' && c <= '\r' || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029;
    }

    static Tuple partition(String s, String separator) {
        int at = s.indexOf(check(separator));
        return at < 0 ? new Tuple(List.of(s, "", "")) : new Tuple(List.of(s.substring(0, at), separator, s.substring(at + separator.length())));
    }
}
