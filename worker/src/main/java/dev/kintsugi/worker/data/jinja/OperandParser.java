package dev.kintsugi.worker.data.jinja;

import dev.kintsugi.worker.data.jinja.Expression.CallArguments;
import dev.kintsugi.worker.data.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;

/// What operators stand between: names, literals, expressions in parentheses, with the attributes, items and calls behind them.
final class OperandParser {
    private final Tokens tokens;
    private final ExpressionParser expressions;

    OperandParser(Tokens tokens, ExpressionParser expressions) {
        this.tokens = tokens;
        this.expressions = expressions;
    }

    Expression operand() {
        return postfix(primary());
    }

    private Expression primary() {
        Token token = tokens.next();
        int line = token.line();
        return switch (token.kind()) {
            case NAME -> name(token);
            case STRING -> string(token);
            case INTEGER -> new Expression.Constant(integer(token), line);
            case FLOAT -> new Expression.Constant(Double.valueOf(token.text()), line);
            case OPERATOR -> switch (token.text()) {
                case "(" -> parenthesised(line);
                case "[" -> new Expression.ListOf(items("]"), false, line);
                case "{" -> dict(line);
                default -> throw new TemplateException(line, "%s where a value should be".formatted(token.describe()));
            };
            default -> throw new TemplateException(line, "%s where a value should be".formatted(token.describe()));
        };
    }

    private static Expression name(Token token) {
        return switch (token.text()) {
            case "true", "True" -> new Expression.Constant(true, token.line());
            case "false", "False" -> new Expression.Constant(false, token.line());
            case "none", "None" -> new Expression.Constant(null, token.line());
            default -> new Expression.Name(token.text(), token.line());
        };
    }

    private static Long integer(Token token) {
        try {
            return Long.valueOf(token.text());
        } catch (NumberFormatException e) {
            throw new TemplateException(token.line(), "the number %s is too large".formatted(token.text()));
        }
    }

    /// Strings that follow each other are one.
    private Expression string(Token first) {
        var text = new StringBuilder(first.text());
        while (tokens.peek().kind() == Kind.STRING) { text.append(tokens.next().text()); }
        return new Expression.Constant(text.toString(), first.line());
    }

    private Expression parenthesised(int line) {
        if (tokens.skip(")")) { return new Expression.ListOf(List.of(), true, line); }
        Expression value = expressions.tuple();
        tokens.expect(")");
        return value;
    }

    private List<Expression> items(String end) {
        List<Expression> items = new ArrayList<>();
        while (!tokens.skip(end)) {
            if (!items.isEmpty()) { tokens.expect(","); }
            if (tokens.skip(end)) { break; }
            items.add(expressions.expression());
        }
        return items;
    }

    private Expression dict(int line) {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.skip("}")) {
            if (!keys.isEmpty()) { tokens.expect(","); }
            if (tokens.skip("}")) { break; }
            keys.add(expressions.expression());
            tokens.expect(":");
            values.add(expressions.expression());
        }
        return new Expression.DictOf(keys, values, line);
    }

    private Expression postfix(Expression start) {
        Expression value = start;
        while (true) {
            int line = tokens.peek().line();
            if (tokens.skip(".")) {
                Token name = tokens.next();
                if (name.kind() != Kind.NAME && name.kind() != Kind.INTEGER) {
                    throw new TemplateException(line, "%s where a name should be".formatted(name.describe()));
                }
                value = name.kind() == Kind.NAME ? new Expression.Attribute(value, name.text(), line)
                        : new Expression.Item(value, new Expression.Constant(integer(name), line), line);
            } else if (tokens.skip("[")) {
                value = subscript(value, line);
            } else if (tokens.skip("(")) {
                value = new Expression.Call(value, arguments(), line);
            } else {
                return value;
            }
        }
    }

    private Expression subscript(Expression of, int line) {
        Expression from = tokens.peek().is(Kind.OPERATOR, ":") ? null : expressions.tuple();
        if (tokens.skip("]")) { return new Expression.Item(of, from, line); }
        tokens.expect(":");
        Expression to = endsPart() ? null : expressions.expression();
        Expression step = tokens.skip(":") && !endsPart() ? expressions.expression() : null;
        tokens.expect("]");
        return new Expression.Slice(of, from, to, step, line);
    }

    private boolean endsPart() {
        return tokens.peek().is(Kind.OPERATOR, ":") || tokens.peek().is(Kind.OPERATOR, "]");
    }

    /// After the opening parenthesis, up to the closing one.
    CallArguments arguments() {
        List<Expression> positional = new ArrayList<>();
        List<String> names = new ArrayList<>();
        List<Expression> named = new ArrayList<>();
        while (!tokens.skip(")")) {
            if (positional.size() + named.size() > 0) { tokens.expect(","); }
            if (tokens.skip(")")) { break; }
            if (tokens.isNamedArgument()) {
                names.add(tokens.name().text());
                tokens.expect("=");
                named.add(expressions.expression());
            } else if (names.isEmpty()) {
                positional.add(expressions.expression());
            } else {
                throw tokens.unexpected("an argument with its name");
            }
        }
        return new CallArguments(positional, names, named);
    }
}
