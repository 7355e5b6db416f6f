package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.TensorKind;
import dev.kintsugi.worker.checkpoint.diff.FieldDifference;
import dev.kintsugi.worker.checkpoint.diff.TensorDifference;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `diff` prints, as lines or as JSON.
record DiffReport(CheckpointDirectory a, CheckpointDirectory b, List<FieldDifference> fields, List<TensorDifference> tensors) {
    private static final int VALUE_MAX = 60;

    /// Whether both have the same tensors with the same bits.
    boolean tensorsEqual() {
        return tensors.isEmpty() && fields.stream().noneMatch(f -> f.part().equals("tensors"));
    }

    List<String> lines() {
        var lines = new ArrayList<String>();
        lines.add("A  " + describe(a));
        lines.add("B  " + describe(b));
        if (!fields.isEmpty()) {
            lines.add("");
            lines.addAll(Table.lines(fieldRows()));
        }
        if (!tensors.isEmpty()) {
            lines.add("");
            lines.addAll(Table.lines(tensorRows()));
        }
        lines.add("");
        lines.add(tensorsEqual() ? "all %,d tensors are equal, bit for bit".formatted(tensorCount())
                : "%,d of %,d tensors differ".formatted(tensors.size() + fields.stream().filter(f -> f.part().equals("tensors")).count(), tensorCount()));
        return lines;
    }

    private static String describe(CheckpointDirectory c) {
        Manifest m = c.manifest();
        return "%s (step %,d, %d shard%s, Kintsugi %s)".formatted(c.path(), m.step(), m.worldSize(), m.worldSize() == 1 ? "" : "s",
                m.origin().kintsugiVersion());
    }

    private long tensorCount() {
        return TensorKind.of(a.manifest()).stream().mapToLong(k -> a.manifest().parameters().stream().filter(p -> k.tensor(p).isPresent()).count()).sum();
    }

    private List<List<String>> fieldRows() {
        var rows = new ArrayList<List<String>>();
        rows.add(List.of("what", "field", "A", "B"));
        fields.forEach(f -> rows.add(List.of(f.part(), f.field(), shown(f.a()), shown(f.b()))));
        return rows;
    }

    private static String shown(String value) {
        if (value.isEmpty()) { return "-"; }
        return value.length() > VALUE_MAX ? value.substring(0, VALUE_MAX) + "..." : value;
    }

    private List<List<String>> tensorRows() {
        var rows = new ArrayList<List<String>>();
        rows.add(List.of("tensor", "kind", "differing", "of", "first index", "largest |A-B|"));
        for (TensorDifference t : tensors) {
            rows.add(List.of(t.parameter(), t.kind().label(), "%,d".formatted(t.count()), "%,d".formatted(t.numel()), index(t),
                    String.format(Locale.ROOT, "%.3g", t.maxAbs())));
        }
        return rows;
    }

    /// `[3, 17]`
    private static String index(TensorDifference t) {
        var index = new ArrayList<Long>();
        long rest = t.first();
        for (int d = t.shape().size() - 1; d >= 0; d--) {
            index.addFirst(rest % t.shape().get(d));
            rest /= t.shape().get(d);
        }
        return index.toString();
    }

    String json() {
        var mapper = new JsonMapper();
        ObjectNode root = mapper.createObjectNode().put("a", a.path().text()).put("b", b.path().text()).put("tensors_equal", tensorsEqual())
                .put("tensors_compared", tensorCount());
        ArrayNode fieldArray = root.putArray("fields");
        fields.forEach(f -> fieldArray.addObject().put("part", f.part()).put("field", f.field()).put("a", f.a()).put("b", f.b()));
        ArrayNode tensorArray = root.putArray("tensors");
        for (TensorDifference t : tensors) {
            ObjectNode o = tensorArray.addObject().put("name", t.parameter()).put("kind", t.kind().label()).put("differing", t.count())
                    .put("elements", t.numel()).put("first", t.first());
            if (Double.isFinite(t.maxAbs())) {
                o.put("max_abs_difference", t.maxAbs());
            } else {
                o.put("max_abs_difference", Double.toString(t.maxAbs()));       // JSON has no such number
            }
        }
        return root.toString();
    }
}
