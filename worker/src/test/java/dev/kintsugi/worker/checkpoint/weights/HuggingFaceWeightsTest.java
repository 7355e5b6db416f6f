package dev.kintsugi.worker.checkpoint.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.LlamaConfigParser;
import dev.kintsugi.sharding.architecture.LlamaModelSpec;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.SavedModel;
import dev.kintsugi.worker.checkpoint.export.Exports;
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
        }
    }

    @Test
    void shouldIgnoreATiedHead() throws Exception {
        ModelSpec tied = LlamaModelSpec.of(LlamaConfigParser.parse(
                SavedModel.CONFIG.replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true"), "config.json"));
        try (var weights = HuggingFaceWeights.open(single(0), tied)) { assertThat(weights.unexpected()).isEmpty(); }
    }

    @Test
    void shouldNameAMissingTensorAndWhatToDo() throws Exception {
        Path dir = single(1);
        assertRefused(dir, "%s: the weights have no tensor '%s' of shape [67, 20]; use the weights and config.json of the same model"
                .formatted(dir, FIRST));
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
        Files.writeString(directory.resolve("pytorch_model.bin"), "");
        assertThatThrownBy(() -> HuggingFaceWeights.open(directory, model))
                .hasMessageEndingWith("convert its pytorch_model.bin to safetensors first");
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
