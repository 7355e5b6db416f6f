package dev.kintsugi.worker.data.jinja;

import dev.kintsugi.worker.data.jinja.Expression.CallArguments;
import dev.kintsugi.worker.data.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Expressions from tokens, by Jinja2's grammar: one method a level, the loosest first; what operators stand between is [OperandParser]'s.
final class ExpressionParser {
    private static final int DEPTH_MAX = 200;
    private static final Set<String> COMPARING = Set.of("==", "!=", "<", ">", "<=", ">=");
    private static final Set<String> NO_ARGUMENT = Set.of("else", "or", "and", "is", "if", "in", "not");

    private final Tokens tokens;
    private final OperandParser operands;
    private int depth;

    ExpressionParser(Tokens tokens) {
        this.tokens = tokens;
        this.operands = new OperandParser(tokens, this);
    }

    /// One or several, which are a tuple.
    Expression tuple() {
        return tuple(true);
    }

    /// What a loop goes over: an `if` behind it is the loop's.
    Expression tupleWithoutCondition() {
        return tuple(false);
    }

    private Expression tuple(boolean withCondition) {
        int line = tokens.peek().line();
        Expression first = withCondition ? expression() : or();
        if (!tokens.peek().is(Kind.OPERATOR, ",")) { return first; }
        List<Expression> items = new ArrayList<>(List.of(first));
        while (tokens.skip(",") && !endsTuple()) { items.add(withCondition ? expression() : or()); }
        return new Expression.ListOf(items, true, line);
    }

    private boolean endsTuple() {
        Kind kind = tokens.peek().kind();
        return kind == Kind.PRINT_END || kind == Kind.BLOCK_END || tokens.peek().is(Kind.OPERATOR, ")");
    }

    Expression expression() {
        if (++depth > DEPTH_MAX) {
            throw new TemplateException(tokens.peek().line(), "expressions are nested more than %d deep".formatted(DEPTH_MAX));
        }
        int line = tokens.peek().line();
        Expression value = or();
        while (tokens.skipName("if")) {
            Expression condition = or();
            Expression otherwise = tokens.skipName("else") ? expression() : null;
            value = new Expression.Conditional(value, condition, otherwise, line);
        }
        depth--;
        return value;
    }

    private Expression or() {
        Expression left = and();
        while (tokens.skipName("or")) { left = new Expression.Binary("or", left, and(), left.line()); }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (tokens.skipName("and")) { left = new Expression.Binary("and", left, not(), left.line()); }
        return left;
    }

    private Expression not() {
        int line = tokens.peek().line();
        return tokens.skipName("not") ? new Expression.Unary("not", not(), line) : comparison();
    }

    private Expression comparison() {
        Expression first = sum();
        List<String> operators = new ArrayList<>();
        List<Expression> operands = new ArrayList<>(List.of(first));
        for (String operator = comparing(); operator != null; operator = comparing()) {
            operators.add(operator);
            operands.add(sum());
        }
        return operators.isEmpty() ? first : new Expression.Comparison(operators, operands, first.line());
    }

    private String comparing() {
        Token token = tokens.peek();
        if (token.kind() == Kind.OPERATOR && COMPARING.contains(token.text())) { return tokens.next().text(); }
        if (tokens.skipName("in")) { return "in"; }
        if (!tokens.areNames("not", "in")) { return null; }
        tokens.next();
        tokens.next();
        return "not in";
    }

    private Expression sum() {
        Expression left = concatenation();
        while (true) {
            String operator = tokens.peek().text();
            if (!tokens.skip("+") && !tokens.skip("-")) { return left; }
            left = new Expression.Binary(operator, left, concatenation(), left.line());
        }
    }

    private Expression concatenation() {
        Expression left = product();
        while (tokens.skip("~")) { left = new Expression.Binary("~", left, product(), left.line()); }
        return left;
    }

    private Expression product() {
        Expression left = power();
        while (true) {
            String operator = tokens.peek().text();
            if (!tokens.skip("*") && !tokens.skip("/") && !tokens.skip("//") && !tokens.skip("%")) { return left; }
            left = new Expression.Binary(operator, left, power(), left.line());
        }
    }

    private Expression power() {
        Expression left = unary(true);
        while (tokens.skip("**")) { left = new Expression.Binary("**", left, unary(true), left.line()); }
        return left;
    }

    private Expression unary(boolean withFilters) {
        int line = tokens.peek().line();
        String operator = tokens.peek().text();
        Expression value = tokens.skip("-") || tokens.skip("+") ? new Expression.Unary(operator, unary(false), line) : operands.operand();
        return withFilters ? filters(value) : value;
    }

    /// Filters, tests and calls behind a value.
    ///
    /// @param start null in a block whose body is filtered
    Expression filters(Expression start) {
        Expression value = start;
        while (true) {
            int line = tokens.peek().line();
            if (tokens.skip("|")) {
                value = filterNamed(value);
            } else if (tokens.skipName("is")) {
                value = check(value, line);
            } else if (tokens.skip("(")) {
                value = new Expression.Call(value, operands.arguments(), line);
            } else {
                return value;
            }
        }
    }

    Expression filterNamed(Expression of) {
        Token name = tokens.name();
        return new Expression.Filter(name.text(), of, tokens.skip("(") ? operands.arguments() : CallArguments.NONE, name.line());
    }

    private Expression check(Expression of, int line) {
        boolean negated = tokens.skipName("not");
        Token name = tokens.name();
        CallArguments arguments = CallArguments.NONE;
        if (tokens.skip("(")) {
            arguments = operands.arguments();
        } else if (beginsArgument()) {
            arguments = new CallArguments(List.of(operands.operand()), List.of(), List.of());
        }
        return new Expression.Check(name.text(), of, arguments, negated, line);
    }

    private boolean beginsArgument() {
        Token token = tokens.peek();
        return switch (token.kind()) {
            case NAME -> !NO_ARGUMENT.contains(token.text());
            case STRING, INTEGER, FLOAT -> true;
            case OPERATOR -> Set.of("(", "[", "{").contains(token.text());
            default -> false;
        };
    }
}
