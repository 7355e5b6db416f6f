package dev.kintsugi.worker.checkpoint.diff;

import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.manifest.TrainingPosition;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Compares what two manifests say: where training was, the job, the model's config, and which tensors there are. Not how they were cut.
public final class FieldDiff {
    private static final JsonMapper JSON = new JsonMapper();

    private FieldDiff() {}

    public static List<FieldDifference> of(Manifest a, Manifest b) {
        var differences = new ArrayList<FieldDifference>();
        compare("position", position(a.training()), position(b.training()), differences);
        compare("job", json(a.jobConfigJson()), json(b.jobConfigJson()), differences);
        compare("model", json(a.modelConfigJson()), json(b.modelConfigJson()), differences);
        compare("tensors", shapes(a), shapes(b), differences);
        return List.copyOf(differences);
    }

    private static void compare(String part, Map<String, String> a, Map<String, String> b, List<FieldDifference> into) {
        var names = new TreeSet<>(a.keySet());
        names.addAll(b.keySet());
        for (String name : names) {
            String left = a.getOrDefault(name, "");
            String right = b.getOrDefault(name, "");
            if (!left.equals(right)) { into.add(new FieldDifference(part, name, left, right)); }
        }
    }

    private static Map<String, String> position(TrainingPosition t) {
        var fields = new LinkedHashMap<String, String>();
        fields.put("step", Long.toString(t.step()));
        fields.put("samples_seen", Long.toString(t.samplesSeen()));
        fields.put("tokens_seen", Long.toString(t.tokensSeen()));
        fields.put("microbatches_per_step", Long.toString(t.microbatchesPerStep()));
        fields.put("seed", Long.toString(t.seed()));
        fields.put("dataset_digest", t.datasetDigest());
        return fields;
    }

    private static Map<String, String> json(String object) {
        var fields = new LinkedHashMap<String, String>();
        for (Map.Entry<String, JsonNode> e : JSON.readTree(object).properties()) {
            fields.put(e.getKey(), e.getValue().isString() ? e.getValue().stringValue() : e.getValue().toString());
        }
        return fields;
    }

    private static Map<String, String> shapes(Manifest m) {
        var fields = new LinkedHashMap<String, String>();
        for (SavedParameter p : m.parameters()) { fields.put(p.name(), p.shape().toString()); }
        fields.put("optimizer", m.optimizer().describe());
        return fields;
    }
}
