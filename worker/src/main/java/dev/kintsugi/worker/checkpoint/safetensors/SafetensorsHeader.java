package dev.kintsugi.worker.checkpoint.safetensors;

import dev.kintsugi.worker.failure.CallerException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A header that holds together: known types, sizes that follow from the shapes, and tensors that fill the body without gap or overlap.
///
/// @param tensors by name, in the order of the body
/// @param metadata the `__metadata__` strings
public record SafetensorsHeader(Map<String, TensorEntry> tensors, Map<String, String> metadata) {
    /// The longest header that is read: the limit of the format's own library.
    public static final long BYTES_MAX = 100_000_000;

    private static final String REMEDY = "download or copy the file again";
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder().maxStringLength((int) BYTES_MAX).maxNestingDepth(32).build()).build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    public SafetensorsHeader {
        tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
        metadata = Map.copyOf(metadata);
    }

    /// @param file names the file in messages
    /// @param bodyBytes what the file has after the header
    /// @throws CallerException one sentence: file, tensor, what was expected, what to do
    public static SafetensorsHeader parse(byte[] json, long bodyBytes, String file) {
        JsonNode root = readTree(json, file);
        var metadata = new LinkedHashMap<String, String>();
        var entries = new ArrayList<TensorEntry>();
        for (Map.Entry<String, JsonNode> e : root.properties()) {
            if (e.getKey().equals("__metadata__")) {
                readMetadata(e.getValue(), metadata, file);
            } else {
                entries.add(entry(e.getKey(), e.getValue(), file));
            }
        }
        checkCoverage(entries, bodyBytes, file);
        var tensors = new LinkedHashMap<String, TensorEntry>();
        entries.forEach(t -> tensors.put(t.name(), t));
        return new SafetensorsHeader(tensors, metadata);
    }

    private static JsonNode readTree(byte[] json, String file) {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JacksonException e) {
            throw new CallerException("%s: the safetensors header is not valid JSON (%s); %s"
                    .formatted(file, e.getOriginalMessage(), REMEDY), e);
        }
        if (!root.isObject()) { throw new CallerException("%s: the safetensors header is not a JSON object; %s".formatted(file, REMEDY)); }
        return root;
    }

    private static void readMetadata(JsonNode node, Map<String, String> into, String file) {
        if (!node.isObject()) { throw new CallerException("%s: __metadata__ is not a JSON object; %s".formatted(file, REMEDY)); }
        for (Map.Entry<String, JsonNode> e : node.properties()) {
            if (!e.getValue().isString()) {
                throw new CallerException("%s: __metadata__ entry '%s' is not a string; %s".formatted(file, e.getKey(), REMEDY));
            }
            into.put(e.getKey(), e.getValue().stringValue());
        }
    }

    private static TensorEntry entry(String name, JsonNode node, String file) {
        String dtype = node.path("dtype").asString("");
        ElementType type = ElementType.named(dtype)
                .orElseThrow(() -> bad(file, name, "has dtype '%s', which is not a known one".formatted(dtype)));
        List<Long> shape = longs(node.path("shape"), file, name, "shape");
        List<Long> offsets = longs(node.path("data_offsets"), file, name, "data_offsets");
        if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
            throw bad(file, name, "has data_offsets=%s; expected [begin, end]".formatted(offsets));
        }
        long bytes = offsets.get(1) - offsets.get(0);
        if (bytes != declaredBytes(shape, type)) {
            throw bad(file, name, "has data_offsets=%s, %d bytes, which is not what %s %s takes".formatted(offsets, bytes, type, shape));
        }
        return new TensorEntry(name, type, shape, offsets.get(0), bytes);
    }

    private static List<Long> longs(JsonNode node, String file, String name, String field) {
        if (!node.isArray()) { throw bad(file, name, "has no array '%s'".formatted(field)); }
        var values = new ArrayList<Long>();
        for (JsonNode n : node) {
            if (!n.isIntegralNumber() || !n.canConvertToLong() || n.longValue() < 0) {
                throw bad(file, name, "has %s=%s; expected whole numbers >= 0".formatted(field, abbreviated(node.toString())));
            }
            values.add(n.longValue());
        }
        return values;
    }

    /// -1 when the product does not fit 63 bits.
    private static long declaredBytes(List<Long> shape, ElementType type) {
        if (shape.contains(0L)) { return 0; }
        long bytes = type.bytes();
        for (long d : shape) {
            if (bytes > Long.MAX_VALUE / d) { return -1; }
            bytes *= d;
        }
        return bytes;
    }

    /// Sorts by place, and insists that each tensor starts where the one before ended.
    private static void checkCoverage(List<TensorEntry> entries, long bodyBytes, String file) {
        entries.sort(Comparator.comparingLong(TensorEntry::begin).thenComparingLong(TensorEntry::end));
        long end = 0;
        for (TensorEntry t : entries) {
            if (t.begin() != end) {
                throw bad(file, t.name(), "starts at byte %d of the body, %s the previous tensor's end at %d"
                        .formatted(t.begin(), t.begin() < end ? "before" : "after a hole from", end));
            }
            end = t.end();
        }
        if (end != bodyBytes) {
            throw new CallerException("%s: the header declares %d bytes of tensors but %d follow it, so the file is %s; %s"
                    .formatted(file, end, bodyBytes, bodyBytes < end ? "truncated" : "longer than it should be", REMEDY));
        }
    }

    private static CallerException bad(String file, String tensor, String what) {
        return new CallerException("%s: tensor '%s' %s; %s".formatted(file, abbreviated(tensor), what, REMEDY));
    }

    private static String abbreviated(String text) {
        return text.length() > 200 ? text.substring(0, 200) + "..." : text;
    }
}
