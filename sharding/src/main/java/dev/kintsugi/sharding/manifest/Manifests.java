package dev.kintsugi.sharding.manifest;

import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.StateExtent;
import dev.kintsugi.sharding.optimizer.StateOf;
import dev.kintsugi.sharding.optimizer.StateSlot;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Builds manifests, writes them as JSON and reads them back. Pure; fields that a later minor version adds are ignored.
public final class Manifests {
    private static final String OPTIMIZER = "optimizer";         // absent in early checkpoints, which are AdamW's
    private static final String SKIPPED = "skipped_steps";       // absent where there are none
    private static final String BASE = "base_digest";            // absent where all is trained
    private static final String RATE_FACTOR = "rate_factor";     // absent where it is 1
    private static final String RECENT_LOSSES = "recent_losses";
    private static final String BEST = "best_evaluation";        // absent before the first one
    private static final JsonMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(SerializationFeature.INDENT_OUTPUT).build();
    private static final String FORMAT = "kintsugi-checkpoint";

    private Manifests() {}

    /// What the coordinator commits once every rank of `plan` has voted; only those of the first replica write files.
    ///
    /// @param savedAt now, as `java.time.Instant` writes it
    /// @param files of all the ranks' votes; their order does not matter
    /// @throws IllegalArgumentException if a rank's file is missing or anything else does not hold together
    public static Manifest of(String kintsugiVersion, String savedAt, ShardPlan plan, OptimizerState optimizer, String modelConfigJson,
            String jobConfigJson, TrainingState training, Collection<ShardFile> files) {
        List<SavedFile> saved = files.stream().map(f -> new SavedFile(f.getPath(), f.getBytes(), f.getSha256())).toList();
        var origin = new Origin(kintsugiVersion, savedAt, plan.sharding().strategy(), plan.worldSize());
        return new Manifest(origin, TrainingPosition.of(training), plan.shardWorldSize(), optimizer,
                plan.units().stream().map(Manifests::unit).toList(), saved, jobConfigJson, modelConfigJson);
    }

    private static SavedUnit unit(UnitPlan unit) {
        return new SavedUnit(unit.name(), unit.parameters().stream().map(Manifests::parameter).toList());
    }

    private static SavedParameter parameter(ParameterPlan p) {
        return new SavedParameter(p.spec().name(), p.spec().shape(), p.rowsPerRank());
    }

    public static String toJson(Manifest m) {
        ObjectNode root = JSON.createObjectNode();
        root.put("format", FORMAT).put("format_version", Manifest.FORMAT_VERSION).put("kintsugi_version", m.origin().kintsugiVersion())
                .put("saved_at", m.origin().savedAt()).put("strategy", m.origin().strategy().name()).put("ranks", m.origin().ranks());
        TrainingPosition t = m.training();
        ObjectNode training = root.putObject("training").put("step", t.step()).put("samples_seen", t.samplesSeen()).put("tokens_seen", t.tokensSeen())
                .put("microbatches_per_step", t.microbatchesPerStep()).put("seed", t.seed())
                .put("dataset_digest", t.datasetDigest());
        if (!t.baseDigest().isEmpty()) { training.put(BASE, t.baseDigest()); }
        if (t.skippedSteps() > 0) { training.put(SKIPPED, t.skippedSteps()); }
        if (t.rateFactor() != 1) { training.put(RATE_FACTOR, t.rateFactor()); }
        if (!t.recentLosses().isEmpty()) { t.recentLosses().forEach(training.putArray(RECENT_LOSSES)::add); }
        t.best().ifPresent(b -> training.putObject(BEST).put("step", b.step()).put("metric", b.metric()).put("stale", b.stale()));
        root.put("world_size", m.worldSize());
        putOptimizer(root, m.optimizer());
        ArrayNode files = root.putArray("files");
        m.files().forEach(f -> files.addObject().put("path", f.path()).put("bytes", f.bytes()).put("sha256", f.sha256()));
        ArrayNode units = root.putArray("units");
        for (SavedUnit u : m.units()) {
            ArrayNode parameters = units.addObject().put("name", u.name()).putArray("parameters");
            for (SavedParameter p : u.parameters()) {
                ObjectNode o = parameters.addObject().put("name", p.name());
                ArrayNode shape = o.putArray("shape");
                p.shape().forEach(shape::add);
                o.put("rows_per_rank", p.rowsPerRank());
            }
        }
        root.set("job", JSON.readTree(m.jobConfigJson()));
        root.set("model_config", JSON.readTree(m.modelConfigJson()));
        return JSON.writeValueAsString(root) + "\n";
    }

    private static void putOptimizer(ObjectNode root, OptimizerState optimizer) {
        ArrayNode slots = root.putObject(OPTIMIZER).put("name", optimizer.optimizer()).putArray("slots");
        optimizer.slots().forEach(s -> slots.addObject().put("name", s.name()).put("dtype", s.dtype().name()).put("extent", label(s.extent()))
                .put("of", label(s.of())));
    }

    private static String label(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    /// @param source names the file in messages
    /// @throws IllegalArgumentException one sentence: what is wrong, in which file and field, what to do
    public static Manifest parse(String json, String source) {
        try {
            Field root = Field.root(JSON.readTree(json));
            checkVersion(root);
            return manifest(root);
        } catch (JacksonException e) {
            throw new IllegalArgumentException(
                    "%s is not valid JSON (%s); use another checkpoint".formatted(source, e.getOriginalMessage()), e);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("%s: %s; use another checkpoint".formatted(source, e.getMessage()), e);
        }
    }

    private static void checkVersion(Field root) {
        if (!FORMAT.equals(root.get("format").text())) {
            throw new IllegalArgumentException("format is not \"%s\", so this is no Kintsugi checkpoint".formatted(FORMAT));
        }
        long version = root.get("format_version").integer();
        if (version != Manifest.FORMAT_VERSION) {
            throw new IllegalArgumentException("format_version=%d was written by %s Kintsugi (%s) and this one reads format_version=%d"
                    .formatted(version, version > Manifest.FORMAT_VERSION ? "a newer" : "an older", root.get("kintsugi_version").text(),
                            Manifest.FORMAT_VERSION));
        }
    }

    private static Manifest manifest(Field root) {
        Field t = root.get("training");
        var training = new TrainingPosition(t.get("step").integer(), t.has(SKIPPED) ? t.get(SKIPPED).integer() : 0, t.get("samples_seen").integer(),
                t.get("tokens_seen").integer(),
                t.get("microbatches_per_step").integer(), t.get("seed").integer(), t.get("dataset_digest").text(),
                t.has(BEST) ? Optional.of(best(t.get(BEST))) : Optional.empty(), t.has(BASE) ? t.get(BASE).text() : "",
                t.has(RATE_FACTOR) ? t.get(RATE_FACTOR).number() : 1,
                t.has(RECENT_LOSSES) ? each(t.get(RECENT_LOSSES), Field::number) : List.of());
        var origin = new Origin(root.get("kintsugi_version").text(), root.get("saved_at").text(), Origin.strategy(root.get("strategy").text()),
                root.get("ranks").int32());
        return new Manifest(origin, training, root.get("world_size").int32(),
                root.has(OPTIMIZER) ? optimizer(root.get(OPTIMIZER)) : OptimizerState.ADAMW,
                each(root.get("units"), Manifests::unit), each(root.get("files"), Manifests::file), root.get("job").object(),
                root.get("model_config").object());
    }

    private static BestEvaluation best(Field f) {
        return new BestEvaluation(f.get("step").integer(), f.get("metric").number(), f.get("stale").int32());
    }

    private static OptimizerState optimizer(Field f) {
        return new OptimizerState(f.get("name").text(), each(f.get("slots"), Manifests::slot));
    }

    private static StateSlot slot(Field f) {
        return new StateSlot(f.get("name").text(), f.get("dtype").oneOf(DType.values()), f.get("extent").oneOf(StateExtent.values()),
                f.get("of").oneOf(StateOf.values()));
    }

    private static SavedUnit unit(Field f) {
        return new SavedUnit(f.get("name").text(), each(f.get("parameters"), Manifests::parameter));
    }

    private static SavedParameter parameter(Field f) {
        return new SavedParameter(f.get("name").text(), each(f.get("shape"), Field::integer), f.get("rows_per_rank").integer());
    }

    private static SavedFile file(Field f) {
        return new SavedFile(f.get("path").text(), f.get("bytes").integer(), f.get("sha256").text());
    }

    private static <T> List<T> each(Field array, Function<Field, T> read) {
        var values = new ArrayList<T>();
        array.elements().forEach(f -> values.add(read.apply(f)));
        return values;
    }

    /// The same JSON object on one line; two texts of equal content become equal.
    static String compact(String json, String field) {
        try {
            return Field.root(JSON.readTree(json)).object();
        } catch (JacksonException | IllegalArgumentException e) {
            throw new IllegalArgumentException("%s is not a JSON object".formatted(field), e);
        }
    }
}
