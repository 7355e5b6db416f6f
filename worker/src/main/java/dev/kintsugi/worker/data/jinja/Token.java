package dev.kintsugi.worker.data.jinja;

/// A piece of a template.
///
/// @param text of a name or an operator; what a string says; the digits of a number; the text between tags
record Token(Kind kind, String text, int line) {
    enum Kind {
        TEXT, PRINT_BEGIN, PRINT_END, BLOCK_BEGIN, BLOCK_END, NAME, STRING, INTEGER, FLOAT, OPERATOR, END
    }

    boolean is(Kind wanted, String wantedText) {
        return kind == wanted && text.equals(wantedText);
    }

    /// For messages.
    String describe() {
        return kind == Kind.END ? "the end" : "'%s'".formatted(kind == Kind.BLOCK_END ? "%}" : kind == Kind.PRINT_END ? "}}" : text);
    }
}
