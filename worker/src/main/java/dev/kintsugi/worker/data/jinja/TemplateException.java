package dev.kintsugi.worker.data.jinja;

/// A template that cannot be read, or that failed or refused (`raise_exception`) when it was rendered.
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int line;

    TemplateException(int line, String message) {
        super(message);
        this.line = line;
    }

    /// For what knows no line; [#at] adds it.
    TemplateException(String message) {
        this(0, message);
    }

    /// This, with a line unless it has one.
    TemplateException at(int where) {
        if (line > 0) { return this; }
        var placed = new TemplateException(where, super.getMessage());
        placed.addSuppressed(this);
        return placed;
    }

    /// Of the template; 0: unknown.
    public int line() {
        return line;
    }
}
