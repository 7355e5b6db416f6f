package dev.kintsugi.worker.data.jinja;

import java.util.Map;

/// `namespace(...)`: the one thing whose fields a template may set from within a loop.
record Namespace(Map<String, Object> fields) {
}
