package dev.kintsugi.worker.data.jinja;

/// What a name or a field stands for that does not exist: empty when printed, false, without items; anything else that is done with it fails.
record Undefined(String what) {
    TemplateException failure() {
        return new TemplateException("'%s' is undefined".formatted(what));
    }
}
