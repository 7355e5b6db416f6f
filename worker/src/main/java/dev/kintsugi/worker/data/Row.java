package dev.kintsugi.worker.data;

import tools.jackson.databind.JsonNode;

/// One record of a dataset: the fields of a line of JSONL or CSV.
///
/// @param place `file:line`, for messages
record Row(JsonNode fields, String place) {
    /// The names of the fields, for messages.
    String names() {
        return fields.isObject() && !fields.isEmpty() ? String.join(", ", fields.propertyNames()) : "none";
    }
}
