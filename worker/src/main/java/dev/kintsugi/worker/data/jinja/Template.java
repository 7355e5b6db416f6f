package dev.kintsugi.worker.data.jinja;

import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// A Jinja template. Safe from several threads.
public final class Template {
    private final List<Statement> statements;
    private final Supplier<LocalDateTime> now;

    private Template(List<Statement> statements, Supplier<LocalDateTime> now) {
        this.statements = statements;
        this.now = now;
    }

    /// What is generated, in code points of the text.
    ///
    /// @param end not included
    public record Span(int start, int end) {
        public boolean isEmpty() {
            return start == end;
        }
    }

    /// @param generated what stood between `generation` and `endgeneration`
    public record Rendered(String text, List<Span> generated) {
    }

    /// @throws TemplateException if it is none, or uses what is not supported
    public static Template of(String source) {
        return of(source, LocalDateTime::now);
    }

    /// @param now what `strftime_now` tells
    static Template of(String source, Supplier<LocalDateTime> now) {
        try {
            return new Template(Parser.parse(source), now);
        } catch (StackOverflowError e) {
            throw tooDeep();
        }
    }

    /// @param variables null, Boolean, Long, Double, String, and Lists and Maps of them
    /// @throws TemplateException if it fails, or says itself that it cannot
    public Rendered render(Map<String, Object> variables) {
        var scope = new Scope(null);
        Globals.with(now).forEach(scope::set);
        variables.forEach(scope::set);
        try {
            return new Interpreter().render(statements, new Scope(scope));
        } catch (StackOverflowError e) {
            throw tooDeep();
        }
    }

    private static TemplateException tooDeep() {
        return new TemplateException("the template is nested too deep");
    }

    /// Whether it marks what is generated.
    public boolean marksGenerated() {
        return statements.stream().anyMatch(Template::marks);
    }

    private static boolean marks(Statement statement) {
        return switch (statement) {
            case Statement.Generation _ -> true;
            case Statement.If s -> s.bodies().stream().flatMap(List::stream).anyMatch(Template::marks);
            case Statement.For s -> s.body().stream().anyMatch(Template::marks) || s.otherwise().stream().anyMatch(Template::marks);
            case Statement.With s -> s.body().stream().anyMatch(Template::marks);
            case Statement.MacroOf s -> s.body().stream().anyMatch(Template::marks);
            case Statement.SetBlock s -> s.body().stream().anyMatch(Template::marks);
            case Statement.FilterBlock s -> s.body().stream().anyMatch(Template::marks);
            case Statement.Literal _, Statement.Print _, Statement.Set _, Statement.Break _, Statement.Continue _ -> false;
        };
    }
}
