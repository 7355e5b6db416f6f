package dev.kintsugi.worker.data.jinja;

import java.util.List;

/// What writes text, or changes variables.
sealed interface Statement {
    record Literal(String text) implements Statement {}

    record Print(Expression value) implements Statement {}

    /// @param conditions one fewer than bodies where there is an `else`
    record If(List<Expression> conditions, List<List<Statement>> bodies) implements Statement {}

    /// @param targets the loop's variables
    /// @param filter null: all items
    record For(List<String> targets, Expression items, Expression filter, List<Statement> body, List<Statement> otherwise, int line) implements Statement {}

    /// `{% set a, b = ... %}`, or `{% set space.name = ... %}`.
    record Set(List<String> targets, String attribute, Expression value, int line) implements Statement {}

    /// `{% set a %}...{% endset %}`.
    ///
    /// @param filter null, or one that applies to nothing
    record SetBlock(String target, Expression.Filter filter, List<Statement> body) implements Statement {}

    /// @param defaults of the last parameters
    record MacroOf(String name, List<String> parameters, List<Expression> defaults, List<Statement> body, int line) implements Statement {}

    record FilterBlock(Expression.Filter filter, List<Statement> body) implements Statement {}

    record With(List<String> names, List<Expression> values, List<Statement> body) implements Statement {}

    /// What an assistant wrote.
    record Generation(List<Statement> body) implements Statement {}

    record Break(int line) implements Statement {}

    record Continue(int line) implements Statement {}
}
