package dev.kintsugi.worker.data.jinja;

import dev.kintsugi.worker.data.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Statements from tokens; expressions are [ExpressionParser]'s.
final class Parser {
    private static final int DEPTH_MAX = 200;

    private final Tokens tokens;
    private final ExpressionParser expressions;
    private int depth;

    private Parser(List<Token> tokens) {
        this.tokens = new Tokens(tokens);
        this.expressions = new ExpressionParser(this.tokens);
    }

    static List<Statement> parse(String source) {
        var parser = new Parser(Lexer.tokens(source));
        List<Statement> all = parser.body(Set.of());
        if (parser.tokens.peek().kind() != Kind.END) { throw parser.tokens.unexpected("text"); }
        return all;
    }

    /// Statements up to a block that begins with one of `ends`, whose name is consumed, but not its end.
    private List<Statement> body(Set<String> ends) {
        if (++depth > DEPTH_MAX) { throw new TemplateException(tokens.peek().line(), "blocks are nested more than %d deep".formatted(DEPTH_MAX)); }
        List<Statement> statements = new ArrayList<>();
        while (tokens.peek().kind() != Kind.END) {
            Token token = tokens.next();
            switch (token.kind()) {
                case TEXT -> statements.add(new Statement.Literal(token.text()));
                case PRINT_BEGIN -> {
                    statements.add(new Statement.Print(expressions.tuple()));
                    tokens.expect(Kind.PRINT_END);
                }
                case BLOCK_BEGIN -> {
                    if (ends.contains(tokens.peek().text())) {
                        depth--;
                        return statements;
                    }
                    statements.add(block(tokens.name()));
                    tokens.expect(Kind.BLOCK_END);
                }
                default -> throw new TemplateException(token.line(), "unexpected " + token.describe());
            }
        }
        if (!ends.isEmpty()) { throw new TemplateException(tokens.peek().line(), "the template ends where %s should be".formatted(String.join(" or ", ends))); }
        depth--;
        return statements;
    }

    private Statement block(Token name) {
        return switch (name.text()) {
            case "if" -> ifBlock();
            case "for" -> forBlock(name.line());
            case "set" -> set(name.line());
            case "macro" -> macro(name.line());
            case "filter" -> new Statement.FilterBlock(filterHead(), closed("endfilter"));
            case "with" -> with();
            case "generation" -> new Statement.Generation(closed("endgeneration"));
            case "break" -> new Statement.Break(name.line());
            case "continue" -> new Statement.Continue(name.line());
            default -> throw new TemplateException(name.line(), "the tag '%s' is not supported in chat templates".formatted(name.text()));
        };
    }

    /// The rest of this tag, a body, and the name of the tag that ends it.
    private List<Statement> closed(String end) {
        tokens.expect(Kind.BLOCK_END);
        List<Statement> body = body(Set.of(end));
        tokens.next();
        return body;
    }

    private Statement ifBlock() {
        List<Expression> conditions = new ArrayList<>();
        List<List<Statement>> bodies = new ArrayList<>();
        String next = "if";
        while (!next.equals("endif")) {
            if (!next.equals("else")) { conditions.add(expressions.tuple()); }
            tokens.expect(Kind.BLOCK_END);
            bodies.add(body(next.equals("else") ? Set.of("endif") : Set.of("elif", "else", "endif")));
            next = tokens.next().text();
        }
        return new Statement.If(conditions, bodies);
    }

    private Statement forBlock(int line) {
        List<String> targets = targets();
        if (!tokens.skipName("in")) { throw tokens.unexpected("in"); }
        Expression items = expressions.tupleWithoutCondition();
        Expression filter = tokens.skipName("if") ? expressions.expression() : null;
        tokens.expect(Kind.BLOCK_END);
        List<Statement> body = body(Set.of("else", "endfor"));
        List<Statement> otherwise = tokens.next().text().equals("else") ? closed("endfor") : List.of();
        return new Statement.For(targets, items, filter, body, otherwise, line);
    }

    private List<String> targets() {
        boolean parentheses = tokens.skip("(");
        List<String> targets = new ArrayList<>();
        do {
            targets.add(tokens.name().text());
        } while (tokens.skip(","));
        if (parentheses) { tokens.expect(")"); }
        return targets;
    }

    private Statement set(int line) {
        List<String> targets = targets();
        String attribute = targets.size() == 1 && tokens.skip(".") ? tokens.name().text() : null;
        if (tokens.skip("=")) { return new Statement.Set(targets, attribute, expressions.tuple(), line); }
        if (targets.size() > 1 || attribute != null) { throw tokens.unexpected("="); }
        Expression.Filter filter = tokens.peek().is(Kind.OPERATOR, "|") ? (Expression.Filter) expressions.filters(null) : null;
        return new Statement.SetBlock(targets.getFirst(), filter, closed("endset"));
    }

    private Statement macro(int line) {
        String name = tokens.name().text();
        List<String> parameters = new ArrayList<>();
        List<Expression> defaults = new ArrayList<>();
        tokens.expect("(");
        while (!tokens.skip(")")) {
            if (!parameters.isEmpty()) { tokens.expect(","); }
            parameters.add(tokens.name().text());
            if (tokens.skip("=")) {
                defaults.add(expressions.expression());
            } else if (!defaults.isEmpty()) {
                throw tokens.unexpected("a default");
            }
        }
        return new Statement.MacroOf(name, parameters, defaults, closed("endmacro"), line);
    }

    private Expression.Filter filterHead() {
        return (Expression.Filter) expressions.filterNamed(null);
    }

    private Statement with() {
        List<String> names = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (tokens.peek().kind() != Kind.BLOCK_END) {
            if (!names.isEmpty()) { tokens.expect(","); }
            names.add(tokens.name().text());
            tokens.expect("=");
            values.add(expressions.expression());
        }
        return new Statement.With(names, values, closed("endwith"));
    }
}
