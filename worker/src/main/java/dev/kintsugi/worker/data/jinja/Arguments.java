package dev.kintsugi.worker.data.jinja;

import java.util.List;
import java.util.Map;

/// What a call is given.
record Arguments(List<Object> positional, Map<String, Object> named) {
    int count() {
        return positional.size() + named.size();
    }

    /// The argument at `place`, or of that name, or `otherwise`.
    Object get(int place, String name, Object otherwise) {
        if (place < positional.size()) { return positional.get(place); }
        return named.containsKey(name) ? named.get(name) : otherwise;
    }

    /// @throws TemplateException if it is missing
    Object required(int place, String name) {
        Object value = get(place, name, this);
        if (value == this) { throw new TemplateException("the argument '%s' is missing".formatted(name)); }
        return value;
    }

    String text(int place, String name) {
        if (required(place, name) instanceof String text) { return text; }
        throw new TemplateException("the argument '%s' must be a string".formatted(name));
    }

    long number(int place, String name, long otherwise) {
        return Values.integer(get(place, name, otherwise));
    }

    /// Without the first `n`.
    Arguments from(int n) {
        return new Arguments(positional.subList(Math.min(n, positional.size()), positional.size()), named);
    }
}
