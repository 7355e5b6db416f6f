package dev.kintsugi.worker.data.jinja;

import java.util.List;

/// What has a value. Names as in Jinja2's own tree.
sealed interface Expression {
    int line();

    record Constant(Object value, int line) implements Expression {}

    record Name(String name, int line) implements Expression {}

    record ListOf(List<Expression> items, boolean tuple, int line) implements Expression {}

    record DictOf(List<Expression> keys, List<Expression> values, int line) implements Expression {}

    record Unary(String operator, Expression of, int line) implements Expression {}

    record Binary(String operator, Expression left, Expression right, int line) implements Expression {}

    /// `a < b <= c`: each operator between its neighbours.
    record Comparison(List<String> operators, List<Expression> operands, int line) implements Expression {}

    /// @param otherwise null: undefined
    record Conditional(Expression then, Expression condition, Expression otherwise, int line) implements Expression {}

    record Attribute(Expression of, String name, int line) implements Expression {}

    record Item(Expression of, Expression index, int line) implements Expression {}

    /// Parts that are missing are null.
    record Slice(Expression of, Expression from, Expression to, Expression step, int line) implements Expression {}

    record Call(Expression callee, CallArguments arguments, int line) implements Expression {}

    /// @param of null in a filter block
    record Filter(String name, Expression of, CallArguments arguments, int line) implements Expression {}

    record Check(String name, Expression of, CallArguments arguments, boolean negated, int line) implements Expression {}

    /// @param names of the last ones, which are given by name
    record CallArguments(List<Expression> positional, List<String> names, List<Expression> named) {
        static final CallArguments NONE = new CallArguments(List.of(), List.of(), List.of());
    }
}
