package dev.kintsugi.worker.data.jinja;

/// Strings as Python has them: sequences of code points, with Python's idea of white space and of how to write them down.
final class Text {
    private static final String HEX = "0123456789abcdef";

    private Text() {
    }

    static boolean isSpace(int c) {
        return c >= 9 && c <= 13 || c >= 0x1c && c <= 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || c >= 0x2000 && c <= 0x200a
                || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
    }

    static String strip(String text) {
        return lstrip(rstrip(text));
    }

    static String lstrip(String text) {
        int from = 0;
        while (from < text.length() && isSpace(text.charAt(from))) { from++; }
        return text.substring(from);
    }

    static String rstrip(String text) {
        int to = text.length();
        while (to > 0 && isSpace(text.charAt(to - 1))) { to--; }
        return text.substring(0, to);
    }

    static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /// What a string literal says between its quotes: Python's escapes; an unknown one is left as it is.
    static String unescape(String literal) {
        var out = new StringBuilder();
        for (int i = 0; i < literal.length(); i++) {
            char c = literal.charAt(i);
            if (c != '\\' || i + 1 == literal.length()) {
                out.append(c);
                continue;
            }
            char escaped = literal.charAt(++i);
            int digits = switch (escaped) {
                case 'x' -> 2;
                case 'u' -> 4;
                case 'U' -> 8;
                default -> 0;
            };
            if (digits > 0) {
                out.appendCodePoint(hex(literal, i + 1, digits));
                i += digits;
            } else {
                out.append(simple(escaped));
            }
        }
        return out.toString();
    }

    private static int hex(String literal, int from, int digits) {
        try {
            return Integer.parseInt(literal.substring(from, from + digits), 16);
        } catch (NumberFormatException | IndexOutOfBoundsException e) {
            throw new TemplateException("a string has a \\-escape without its %d hexadecimal digits".formatted(digits));
        }
    }

    private static String simple(char escaped) {
        return switch (escaped) {
            case 'n' -> "\n";
            case 't' -> "\t";
            case 'r' -> "\r";
            case 'b' -> "\b";
            case 'f' -> "\f";
            case 'v' -> "\u000b";
            case 'a' -> "\u0007";
            case '0' -> "\0";
            case '\n' -> "";
            case '\\', '\'', '"' -> Character.toString(escaped);
            default -> "\\" + escaped;
        };
    }

    /// Python's `repr`.
    static String quoted(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        var out = new StringBuilder().append(quote);
        text.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> out.append("\\n");
                case '\t' -> out.append("\\t");
                case '\r' -> out.append("\\r");
                case '\\' -> out.append("\\\\");
                default -> {
                    if (c == quote) {
                        out.append('\\').appendCodePoint(c);
                    } else if (isPrintable(c)) {
                        out.appendCodePoint(c);
                    } else {
                        escape(out, c);
                    }
                }
            }
        });
        return out.append(quote).toString();
    }

    private static boolean isPrintable(int c) {
        if (c == ' ') { return true; }
        return switch (Character.getType(c)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED, Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR, Character.SPACE_SEPARATOR -> false;
            default -> true;
        };
    }

    private static void escape(StringBuilder out, int c) {
        int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
        out.append(digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U");
        for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) { out.append(HEX.charAt(c >> shift & 15)); }
    }
}
