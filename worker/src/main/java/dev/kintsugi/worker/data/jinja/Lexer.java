package dev.kintsugi.worker.data.jinja;

import dev.kintsugi.worker.data.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Cuts a template into tokens, with Jinja2's rules for white space when `trim_blocks` and `lstrip_blocks` are on, as Transformers has them: the
/// line end behind a block tag or a comment is dropped, and so are spaces before one that is the first of its line; `-` drops all white space on its side,
/// `+` none; a line end at the end of the template is dropped.
final class Lexer {
    private static final List<String> OPERATORS = List.of("**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", ">", "<", "=", "(", ")",
            "[", "]", "{", "}", ",", ":", ".", "|");
    private static final Pattern NUMBER = Pattern.compile("\\d+(_\\d+)*(?:(\\.\\d+(_\\d+)*)?[eE][+-]?\\d+|\\.\\d+(_\\d+)*)?");
    private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}_]*");
    private static final Pattern RAW = Pattern.compile("\\{%([-+]?)\\s*raw\\s*(-?)%\\}");
    private static final Pattern END_RAW = Pattern.compile("\\{%([-+]?)\\s*endraw\\s*([-+]?)%\\}");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    private boolean lineStarts = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String source) {
        String text = source.replace("\r\n", "\n").replace('\r', '\n');
        return new Lexer(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text).run();
    }

    private List<Token> run() {
        while (at < source.length()) {
            int tag = nextTag();
            if (tag < 0) {
                add(Kind.TEXT, source.substring(at));
                at = source.length();
            } else {
                tag(tag);
            }
        }
        add(Kind.END, "");
        return tokens;
    }

    private int nextTag() {
        for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
            if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) { return i; }
        }
        return -1;
    }

    private void tag(int tag) {
        char kind = source.charAt(tag + 1);
        char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
        boolean signed = sign == '-' || sign == '+';
        text(source.substring(at, tag), signed ? sign : ' ', kind != '{');
        advance(tag);
        if (kind == '%') {
            Matcher raw = RAW.matcher(source).region(at, source.length());
            if (raw.lookingAt()) {
                raw(raw);
                return;
            }
        }
        advance(tag + (signed ? 3 : 2));
        if (kind == '#') {
            comment();
        } else {
            code(kind);
        }
    }

    /// Text before a tag, without the white space that the tag drops.
    private void text(String text, char sign, boolean block) {
        String kept = text;
        if (sign == '-') {
            kept = Text.rstrip(text);
        } else if (sign != '+' && block) {
            int lineStart = text.lastIndexOf('\n') + 1;
            boolean first = lineStart > 0 || lineStarts;
            if (first && Text.strip(text.substring(lineStart)).isEmpty()) { kept = text.substring(0, lineStart); }
        }
        if (!kept.isEmpty()) { add(Kind.TEXT, kept); }
    }

    private void comment() {
        int end = source.indexOf("#}", at);
        if (end < 0) { throw new TemplateException(line, "a comment is opened and never closed; end it with #}"); }
        char sign = end > at ? source.charAt(end - 1) : ' ';
        advance(end + 2);
        behind(sign, true);
    }

    private void raw(Matcher begin) {
        int opened = line;
        advance(begin.end());
        if (begin.group(2).equals("-")) { skipSpace(); }
        Matcher end = END_RAW.matcher(source);
        if (!end.find(at)) { throw new TemplateException(opened, "raw is opened and never closed; end it with {% endraw %}"); }
        lineStarts = false;
        text(source.substring(at, end.start()), end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0), true);
        advance(end.end());
        behind(end.group(2).isEmpty() ? ' ' : end.group(2).charAt(0), true);
    }

    /// What follows a tag's end.
    private void behind(char sign, boolean block) {
        int from = at;
        if (sign == '-') {
            skipSpace();
        } else if (sign != '+' && block && at < source.length() && source.charAt(at) == '\n') {
            advance(at + 1);
        }
        lineStarts = at > from && source.charAt(at - 1) == '\n';
    }

    private void skipSpace() {
        int to = at;
        while (to < source.length() && Text.isSpace(source.charAt(to))) { to++; }
        advance(to);
    }

    private void code(char kind) {
        String end = kind == '{' ? "}}" : "%}";
        add(kind == '{' ? Kind.PRINT_BEGIN : Kind.BLOCK_BEGIN, "");
        int open = 0;
        while (true) {
            skipSpace();
            if (at == source.length()) { throw new TemplateException(line, "a tag is opened and never closed; end it with " + end); }
            char sign = source.charAt(at);
            boolean signed = (sign == '-' || sign == '+' && kind == '%') && source.startsWith(end, at + 1);
            if (open == 0 && (signed || source.startsWith(end, at))) {
                add(kind == '{' ? Kind.PRINT_END : Kind.BLOCK_END, "");
                advance(at + (signed ? 3 : 2));
                behind(signed ? sign : ' ', kind == '%');
                return;
            }
            String token = token();
            open += "([{".contains(token) ? 1 : ")]}".contains(token) ? -1 : 0;
        }
    }

    /// @return the operator; `none` for anything else
    private String token() {
        char c = source.charAt(at);
        if (c == '"' || c == '\'') {
            string(c);
            return "none";
        }
        if (match(NUMBER, Kind.INTEGER) || match(NAME, Kind.NAME)) { return "none"; }
        for (String operator : OPERATORS) {
            if (source.startsWith(operator, at)) {
                add(Kind.OPERATOR, operator);
                advance(at + operator.length());
                return operator;
            }
        }
        throw new TemplateException(line, "unexpected character '%s'".formatted(Character.toString(source.codePointAt(at))));
    }

    private boolean match(Pattern pattern, Kind kind) {
        Matcher matcher = pattern.matcher(source).region(at, source.length());
        if (!matcher.lookingAt()) { return false; }
        String text = matcher.group();
        boolean whole = kind != Kind.INTEGER || text.chars().allMatch(ch -> Character.isDigit(ch) || ch == '_');
        add(whole ? kind : Kind.FLOAT, kind == Kind.INTEGER ? text.replace("_", "") : text);
        advance(matcher.end());
        return true;
    }

    private void string(char quote) {
        int end = at + 1;
        while (end < source.length() && source.charAt(end) != quote) { end += source.charAt(end) == '\\' ? 2 : 1; }
        if (end >= source.length()) { throw new TemplateException(line, "a string is opened and never closed; close its quotes"); }
        add(Kind.STRING, Text.unescape(source.substring(at + 1, end)));
        advance(end + 1);
    }

    private void add(Kind kind, String text) {
        tokens.add(new Token(kind, text, line));
    }

    private void advance(int to) {
        for (; at < to; at++) {
            if (source.charAt(at) == '\n') { line++; }
        }
    }
}
