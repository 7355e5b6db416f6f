package dev.kintsugi.worker.data.jinja;

import java.util.ArrayList;
import java.util.List;

/// Writes what statements say. One rendering; one thread.
final class Interpreter {
    private static final int OUTPUT_CHARS_MAX = 1 << 26;
    private static final long STEPS_MAX = 5_000_000;
    private static final int DEPTH_MAX = 100;

    private enum After {
        NEXT, BREAK, CONTINUE
    }

    private final Evaluator evaluator = new Evaluator(STEPS_MAX);
    private final StringBuilder root = new StringBuilder();
    private final List<Template.Span> generated = new ArrayList<>();
    private StringBuilder out = root;
    private int depth;

    Template.Rendered render(List<Statement> statements, Scope scope) {
        run(statements, scope);
        return new Template.Rendered(root.toString(), generated);
    }

    private After run(List<Statement> statements, Scope scope) {
        if (++depth > DEPTH_MAX) { throw new TemplateException("macros call each other more than %d deep".formatted(DEPTH_MAX)); }
        for (Statement statement : statements) {
            After after = run(statement, scope);
            if (after != After.NEXT) {
                depth--;
                return after;
            }
        }
        depth--;
        return After.NEXT;
    }

    private After run(Statement statement, Scope scope) {
        switch (statement) {
            case Statement.Literal(String text) -> write(text);
            case Statement.Print(Expression value) -> print(value, scope);
            case Statement.If s -> {
                return ifElse(s, scope);
            }
            case Statement.For s -> loop(s, scope);
            case Statement.Set s -> set(s, scope);
            case Statement.SetBlock s -> {
                String body = captured(s.body(), new Scope(scope));
                scope.set(s.target(), s.filter() == null ? body : evaluator.filtered(s.filter(), body, scope));
            }
            case Statement.MacroOf s -> scope.set(s.name(), (Callable) arguments -> macro(s, arguments, scope));
            case Statement.FilterBlock s -> write(Values.text(evaluator.filtered(s.filter(), captured(s.body(), new Scope(scope)), scope)));
            case Statement.With s -> with(s, scope);
            case Statement.Generation(List<Statement> body) -> generation(body, scope);
            case Statement.Break _ -> {
                return After.BREAK;
            }
            case Statement.Continue _ -> {
                return After.CONTINUE;
            }
        }
        return After.NEXT;
    }

    private void print(Expression expression, Scope scope) {
        Object value = evaluator.value(expression, scope);
        try {
            write(Values.text(value));
        } catch (TemplateException e) {
            throw e.at(expression.line());
        }
    }

    private void write(String text) {
        if (out.length() + text.length() > OUTPUT_CHARS_MAX) {
            throw new TemplateException("the template writes more than %d characters".formatted(OUTPUT_CHARS_MAX));
        }
        out.append(text);
    }

    private After ifElse(Statement.If s, Scope scope) {
        for (int i = 0; i < s.bodies().size(); i++) {
            boolean isElse = i == s.conditions().size();
            if (isElse || Values.isTrue(evaluator.value(s.conditions().get(i), scope))) { return run(s.bodies().get(i), scope); }
        }
        return After.NEXT;
    }

    /// A loop's variables end with each round; only namespaces outlast it.
    private void loop(Statement.For s, Scope scope) {
        List<Object> items = new ArrayList<>();
        for (Object item : items(s, scope)) {
            var inner = new Scope(scope);
            bind(s.targets(), item, inner, s.line());
            if (s.filter() == null || Values.isTrue(evaluator.value(s.filter(), inner))) { items.add(item); }
        }
        var loop = new Loop(items);
        for (int i = 0; i < items.size(); i++) {
            var inner = new Scope(scope);
            loop.moveTo(i);
            inner.set("loop", loop);
            bind(s.targets(), items.get(i), inner, s.line());
            if (run(s.body(), inner) == After.BREAK) { break; }
        }
        if (items.isEmpty()) { run(s.otherwise(), new Scope(scope)); }
    }

    private List<Object> items(Statement.For s, Scope scope) {
        try {
            return Values.items(evaluator.value(s.items(), scope));
        } catch (TemplateException e) {
            throw e.at(s.line());
        }
    }

    private static void bind(List<String> targets, Object value, Scope scope, int line) {
        if (targets.size() == 1) {
            scope.set(targets.getFirst(), value);
            return;
        }
        List<Object> parts = Values.items(value);
        if (parts.size() != targets.size()) {
            throw new TemplateException(line, "%d values for %d names".formatted(parts.size(), targets.size()));
        }
        for (int i = 0; i < parts.size(); i++) { scope.set(targets.get(i), parts.get(i)); }
    }

    private void set(Statement.Set s, Scope scope) {
        Object value = evaluator.value(s.value(), scope);
        if (s.attribute() == null) {
            bind(s.targets(), value, scope, s.line());
        } else if (scope.get(s.targets().getFirst()) instanceof Namespace space) {
            space.fields().put(s.attribute(), value);
        } else {
            throw new TemplateException(s.line(), "'%s' is no namespace; only fields of one can be set".formatted(s.targets().getFirst()));
        }
    }

    private String macro(Statement.MacroOf s, Arguments arguments, Scope definition) {
        var scope = new Scope(definition);
        int required = s.parameters().size() - s.defaults().size();
        for (int i = 0; i < s.parameters().size(); i++) {
            String name = s.parameters().get(i);
            Object value = arguments.get(i, name, arguments);
            if (value == arguments) { value = i < required ? new Undefined(name) : evaluator.value(s.defaults().get(i - required), scope); }
            scope.set(name, value);
        }
        if (arguments.positional().size() > s.parameters().size()) {
            throw new TemplateException("the macro '%s' takes %d arguments".formatted(s.name(), s.parameters().size()));
        }
        return captured(s.body(), scope);
    }

    private String captured(List<Statement> body, Scope scope) {
        StringBuilder before = out;
        out = new StringBuilder();
        run(body, scope);
        String text = out.toString();
        out = before;
        return text;
    }

    private void with(Statement.With s, Scope scope) {
        var inner = new Scope(scope);
        for (int i = 0; i < s.names().size(); i++) { inner.set(s.names().get(i), evaluator.value(s.values().get(i), scope)); }
        run(s.body(), inner);
    }

    /// Places are counted from what the whole template has written so far, as Transformers counts them.
    private void generation(List<Statement> body, Scope scope) {
        String text = captured(body, new Scope(scope));
        int start = root.codePointCount(0, root.length());
        generated.add(new Template.Span(start, start + Text.length(text)));
        write(text);
    }
}
