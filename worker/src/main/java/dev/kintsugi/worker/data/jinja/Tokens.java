package dev.kintsugi.worker.data.jinja;

import dev.kintsugi.worker.data.jinja.Token.Kind;
import java.util.List;

/// Where a parser is in the tokens.
final class Tokens {
    private final List<Token> tokens;
    private int at;

    Tokens(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(at);
    }

    Token next() {
        Token token = tokens.get(at);
        if (token.kind() != Kind.END) { at++; }
        return token;
    }

    boolean skip(String operator) {
        return skip(Kind.OPERATOR, operator);
    }

    boolean skipName(String name) {
        return skip(Kind.NAME, name);
    }

    /// Whether the names at this place are these.
    boolean areNames(String first, String second) {
        return peek().is(Kind.NAME, first) && tokens.get(at + 1).is(Kind.NAME, second);
    }

    boolean isNamedArgument() {
        return peek().kind() == Kind.NAME && tokens.get(at + 1).is(Kind.OPERATOR, "=");
    }

    private boolean skip(Kind kind, String text) {
        if (!peek().is(kind, text)) { return false; }
        at++;
        return true;
    }

    void expect(String operator) {
        if (!skip(operator)) { throw unexpected("'" + operator + "'"); }
    }

    void expect(Kind kind) {
        if (peek().kind() != kind) { throw unexpected(kind == Kind.BLOCK_END ? "%}" : kind == Kind.PRINT_END ? "}}" : kind.toString()); }
        at++;
    }

    Token name() {
        if (peek().kind() != Kind.NAME) { throw unexpected("a name"); }
        return next();
    }

    TemplateException unexpected(String wanted) {
        return new TemplateException(peek().line(), "%s where %s should be".formatted(peek().describe(), wanted));
    }
}
