package dev.kintsugi.worker.checkpoint.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.SavedModel;
import dev.kintsugi.worker.checkpoint.export.Exports;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter.Planned;
import dev.kintsugi.worker.failure.CallerException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HuggingFaceWeightsTest {
    private static final String FIRST = "model.embed_tokens.weight";

    @TempDir
    Path directory;

    private final ModelSpec model = SavedModel.llama().model();

    @Test
    void shouldReadSeveralFilesThroughTheirIndex() throws Exception {
        Path dir = sharded();
        try (var weights = HuggingFaceWeights.open(dir, model); Arena arena = Arena.ofConfined()) {
            ParameterSpec p = model.parameters().getLast();
            weights.read(p, arena.allocate(p.numel() * Float.BYTES + 64), 64);
            assertThat(weights.unexpected()).isEmpty();
        }
    }

    @Test
    void shouldReportTensorsThatTheModelDoesNotHave() throws Exception {
        Path dir = single(0, new Planned("model.layers.0.extra", List.of(1L)),
                new Planned("model.layers.0.self_attn.rotary_emb.inv_freq", List.of(2L)));
        try (var weights = HuggingFaceWeights.open(dir, model)) {
            assertThat(weights.unexpected()).containsExactly("model.layers.0.extra");
            assertThat(weights.notes()).containsExactly("1 tensor(s) of the files have no place in this model and are not read: model.layers.0.extra");
        }
    }

    @Test
    void shouldIgnoreATiedHead() throws Exception {
        try (var weights = HuggingFaceWeights.open(single(0), tied())) {
            assertThat(weights.unexpected()).isEmpty();
            assertThat(weights.notes()).singleElement().asString().startsWith("tied weights (\"tie_word_embeddings\": true): " + FIRST + " is read, for both");
        }
    }

    private static ModelSpec tied() {
        return ModelSpec.of(ModelConfigParser.parse(
                SavedModel.CONFIG.replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true"), "config.json"));
    }

    @Test
    void shouldNameAMissingTensorAndWhatToDo() throws Exception {
        Path dir = single(1);
        assertRefused(dir, "%s: the weights have no tensor '%s' of shape [67, 20]; use the weights and config.json of the same model"
                .formatted(dir, FIRST));
    }

    @Test
    void shouldCountAllMissingTensorsAndNameTheFirst() throws Exception {
        Path dir = single(7);
        assertRefused(dir, ("%s: the weights lack 7 of the model's %d tensors: '%s' of shape [67, 20], 'model.layers.0.input_layernorm.weight' of shape [20], "
                + "'model.layers.0.self_attn.q_proj.weight' of shape [20, 20], 'model.layers.0.self_attn.k_proj.weight' of shape [4, 20] and others; "
                + "use the weights and config.json of the same model").formatted(dir, model.parameters().size(), FIRST));
    }

    @Test
    void shouldReadATiedPairFromWhicheverIsThere() throws Exception {
        ModelSpec tied = tied();
        var names = new ArrayList<>(tied.parameters().stream().map(HuggingFaceWeightsTest::planned).toList());
        try (var weights = HuggingFaceWeights.open(write(names), tied)) { assertThat(weights.notes()).isEmpty(); }
        names.set(0, new Planned("lm_head.weight", names.getFirst().shape()));
        try (var weights = HuggingFaceWeights.open(write(names), tied)) {
            assertThat(weights.unexpected()).isEmpty();
            assertThat(weights.notes()).containsExactly("tied weights (\"tie_word_embeddings\": true): lm_head.weight is read, for both, from "
                    + directory.resolve("model.safetensors"));
            assertThat(weights.type(tied.parameters().getFirst())).isEqualTo(ElementType.F32);
        }
    }

    @Test
    void shouldSuggestTyingWhenOnlyTheHeadIsMissing() throws Exception {
        Path dir = write(model.parameters().stream().filter(p ->
                !p.name().equals("lm_head.weight")).map(HuggingFaceWeightsTest::planned).toList());
        assertRefused(dir, dir + ": the weights have no tensor 'lm_head.weight' of shape [67, 20]; "
                + "set \"tie_word_embeddings\": true in config.json if the model ties them");
    }

    @Test
    void shouldNameATensorOfAnotherShape() throws Exception {
        Path dir = single(1, new Planned(FIRST, List.of(68L, 20L)));
        assertRefused(dir, dir.resolve("model.safetensors") + ": tensor '" + FIRST
                + "' has shape [68, 20] but config.json makes it [67, 20]; "
                + "use the config.json that belongs to the weights");
    }

    @Test
    void shouldNameATensorOfAnotherType() throws Exception {
        Path file = single(0).resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        String header = new String(bytes, 0, 20_000, StandardCharsets.ISO_8859_1);
        int at = header.indexOf("F32", header.indexOf('"' + FIRST + '"'));
        bytes[at] = 'I';
        Files.write(file, bytes);
        assertRefused(directory, file + ": tensor '" + FIRST + "' has dtype I32; convert the weights to F32, BF16 or F16");
    }

    @Test
    void shouldNameWhatIsWrongWithAnIndex() throws Exception {
        Path dir = sharded();
        Path index = dir.resolve("model.safetensors.index.json");
        String good = Files.readString(index);
        Files.writeString(index, good.replace("model-00001-of-00005", "../model-00001-of-00005"));
        assertRefused(dir, index + ": weight_map['" + FIRST + "']=\"../model-00001-of-00005.safetensors\" is not the name");
        Files.writeString(index, good.replace("model-00005-of-00005", "model-00001-of-00005"));
        assertRefused(dir, index + " says that tensor 'lm_head.weight' is in " + dir.resolve("model-00001-of-00005.safetensors") + ", but");
        Files.writeString(index, "{}");
        assertRefused(dir, index + " has no \"weight_map\"");
        Files.writeString(index, "{");
        assertRefused(dir, index + " is not valid JSON (");
        Files.writeString(index, good);
        Files.delete(dir.resolve("model-00002-of-00005.safetensors"));
        assertRefused(dir, dir.resolve("model-00002-of-00005.safetensors") + " does not exist");
    }

    @Test
    void shouldSayWhatADirectoryLacks() throws Exception {
        assertRefused(directory.resolve("none"), "model_name=%s is not a directory".formatted(directory.resolve("none")));
        assertRefused(directory, "model_name=%s has neither model.safetensors nor".formatted(directory));
    }

    @ParameterizedTest
    @ValueSource(strings = {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth", "model.pt"})
    void shouldRefuseAPickleWithTheReasonAndTheWayToConvertIt(String name) throws Exception {
        Files.writeString(directory.resolve("training_args.bin"), "");
        Path pickle = Files.writeString(directory.resolve(name), "");
        assertRefused(directory, "model_name=%s: %s is a Python pickle, and reading one runs the code in it, so it is not read; convert it once, where torch "
                .formatted(directory, pickle));
        assertRefused(pickle, "model_name=%s: %s is a Python pickle".formatted(pickle, pickle));
        assertThatThrownBy(() -> HuggingFaceWeights.open(directory, model)).hasMessageContaining("save_file({k: v.clone().contiguous() for f in "
                + "sorted(glob.glob('"
                + directory.resolve(name.startsWith("pytorch") ? "pytorch_model*.bin" : name) + "'))").hasMessageContaining("weights_only=True")
                .hasMessageContaining("'" + directory.resolve("model.safetensors") + "'");
    }

    @Test
    void shouldNameRowsThatNoShardFileHas() throws Exception {
        ModelFiles.write(directory, model, ModelFiles.Type.F32, ModelFiles.Layout.SHARDS, 3);
        try (var weights = HuggingFaceWeights.open(directory, model)) { assertThat(weights.unexpected()).isEmpty(); }
        Path file = directory.resolve("shard-00001-model-00001-of-00001.safetensors");
        byte[] good = Files.readAllBytes(file);
        Files.delete(file);
        assertRefused(directory, "tensor '");
        assertThatThrownBy(() -> HuggingFaceWeights.open(directory, model)).hasMessageContaining("': rows [0, ")
                .hasMessageContaining(") are in none of the shard files beside " + directory);
        Files.write(file, good);
        Files.write(directory.resolve("shard-00009-model-00001-of-00001.safetensors"), good);
        assertThatThrownBy(() -> HuggingFaceWeights.open(directory, model)).hasMessageContaining(") are twice in the shard files beside ");
    }

    @Test
    void shouldRefuseShardFilesThatAreCutByColumnsOrSayNothing() throws Exception {
        Path file = directory.resolve("shard-00001-model-00001-of-00001.safetensors");
        ModelFiles.writeFile(file, List.of(new ModelFiles.Part(FIRST, "F32", List.of(1L, 2L), new byte[8], List.of(0L, 2L))));
        assertRefused(directory, file + ": tensor '" + FIRST + "' is cut along another dimension than the first (saved_offsets=[0, 2]), "
                + "which is not read; join");
        ModelFiles.writeFile(file, List.of(new ModelFiles.Part(FIRST, "F32", List.of(1L, 2L), new byte[8], null)));
        assertRefused(directory, file + " has no DCP_SHARDING_INFO in its metadata");
        ModelFiles.writeFile(file, List.of(new ModelFiles.Part(FIRST, "F32", List.of(1L, 2L), new byte[8], List.of(0L))));
        assertRefused(directory, file + ": DCP_SHARDING_INFO has saved_offsets=[0] for tensor '" + FIRST + "' of shape [1, 2]; save");
    }

    private void assertRefused(Path dir, String message) {
        assertThatThrownBy(() -> HuggingFaceWeights.open(dir, model)).isInstanceOf(CallerException.class).hasMessageStartingWith(message);
    }

    private Path sharded() throws Exception {
        Path out = directory.resolve("sharded");
        Exports.export(SavedModel.llama().save(directory, 1, 1), null, out, 9000);
        return out;
    }

    /// Zeros, without the first `skip` parameters and with `extra` ones.
    private Path single(int skip, Planned... extra) throws Exception {
        var tensors = new ArrayList<>(model.parameters().stream().skip(skip).map(HuggingFaceWeightsTest::planned).toList());
        tensors.addAll(List.of(extra));
        return write(tensors);
    }

    private static Planned planned(ParameterSpec p) {
        return new Planned(p.name(), p.shape());
    }

    private Path write(List<Planned> tensors) throws Exception {
        Path file = directory.resolve("model.safetensors");
        try (var writer = SafetensorsWriter.create(file, tensors, Map.of()); Arena arena = Arena.ofConfined()) {
            for (Planned t : tensors) { writer.write(arena.allocate(4 * t.shape().stream().reduce(1L, (a, b) -> a * b))); }
            writer.finish();
        }
        return directory;
    }
}
