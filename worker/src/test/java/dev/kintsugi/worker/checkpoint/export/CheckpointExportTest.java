package dev.kintsugi.worker.checkpoint.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.CorruptShardException;
import dev.kintsugi.worker.checkpoint.SavedModel;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.weights.HuggingFaceWeights;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.memory.Bf16;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CheckpointExportTest {
    @TempDir
    Path directory;

    private final SavedModel model = SavedModel.llama();

    @ParameterizedTest
    @CsvSource({"1,1000000000,1", "3,1000000000,1", "16,1000000000,1", "3,9000,5", "4,1,21"})
    void shouldJoinTheShardsOfAnyWorldSize(int worldSize, long maxShardSize, int files) throws Exception {
        Path out = directory.resolve("exported");
        Exports.export(model.save(directory, worldSize, 5), null, out, maxShardSize);
        assertThat(names(out).stream().filter(n -> n.endsWith(".safetensors"))).hasSize(files);
        try (var weights = HuggingFaceWeights.open(out, model.model()); Arena arena = Arena.ofConfined()) {
            assertThat(weights.unexpected()).isEmpty();
            for (ParameterSpec p : model.model().parameters()) {
                MemorySegment f32 = arena.allocate(p.numel() * Float.BYTES);
                weights.read(p, f32, 0);
                for (long e = 0; e < p.numel(); e++) {
                    assertThat(f32.getAtIndex(ValueLayout.JAVA_INT, e)).isEqualTo(model.bits(0, p.name(), e));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void shouldRoundToBf16(int worldSize) throws Exception {
        Path out = directory.resolve("exported");
        Exports.export(model.save(directory, worldSize, 5), null, out, 9000, ElementType.BF16);
        assertThat(Files.readString(out.resolve("config.json"))).contains("\"dtype\" : \"bfloat16\"", "\"torch_dtype\" : \"bfloat16\"");
        try (var weights = HuggingFaceWeights.open(out, model.model()); Arena arena = Arena.ofConfined()) {
            for (ParameterSpec p : model.model().parameters()) {
                MemorySegment bf16 = arena.allocate(p.numel() * Short.BYTES);
                weights.readBf16(p, bf16);
                for (long e = 0; e < p.numel(); e++) {
                    assertThat(bf16.getAtIndex(ValueLayout.JAVA_SHORT, e)).isEqualTo(Bf16.bits(Float.intBitsToFloat(model.bits(0, p.name(), e))));
                }
            }
        }
    }

    @Test
    void shouldReadBackWhatItWrote() throws Exception {
        var checkpoint = CheckpointDirectory.open(StoragePath.of(model.save(directory, 2, 5)));
        var target = new CheckpointExport.Target(StoragePath.of(directory.resolve("exported")), Optional.empty(), 9000, ElementType.F32, Optional.empty());
        Path last = directory.resolve(".exported.partial/model-00005-of-00005.safetensors");
        var calls = new AtomicInteger();
        assertThatThrownBy(() -> CheckpointExport.export(checkpoint, target, (phase, _, _) -> {
            if (phase.equals("reading back") && calls.getAndIncrement() == 0) { flipLastBit(last); }
        })).isInstanceOf(WorldException.class).hasMessageContaining(last + " reads back other than it was written: expected=crc32c ")
                .hasMessageEndingWith("; check the storage and export again");
        assertThat(names(directory)).containsExactly("checkpoints");
    }

    private static void flipLastBit(Path file) {
        try {
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length - 1] ^= 1;
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void shouldWriteTheIndexAsTransformersDoes() throws Exception {
        Path out = directory.resolve("exported");
        Exports.export(model.save(directory, 2, 5), null, out, 9000);
        JsonNode index = new JsonMapper().readTree(Files.readString(out.resolve("model.safetensors.index.json")));
        assertThat(index.at("/metadata/total_size").asLong()).isEqualTo(4 * model.model().numel());
        assertThat(index.at("/weight_map/lm_head.weight").asString()).isEqualTo("model-00005-of-00005.safetensors");
        assertThat(index.get("weight_map")).hasSize(model.model().parameters().size());
    }

    @Test
    void shouldWriteConfigAndGenerationConfig() throws Exception {
        Path out = directory.resolve("exported");
        Exports.export(model.save(directory, 2, 5), null, out, 1 << 30);
        JsonNode config = new JsonMapper().readTree(Files.readString(out.resolve("config.json")));
        assertThat(config.get("architectures").toString()).isEqualTo("[\"LlamaForCausalLM\"]");
        assertThat(config.get("dtype").asString()).isEqualTo("float32");
        assertThat(config.get("torch_dtype").asString()).isEqualTo("float32");
        assertThat(config.get("hidden_size").asInt()).isEqualTo(20);
        assertThat(Files.readString(out.resolve("generation_config.json"))).contains("\"eos_token_id\" : 2").doesNotContain("bos");
        assertThat(names(directory)).containsExactly("checkpoints", "exported");
    }

    @Test
    void shouldTakeTheTokenizerAlong() throws Exception {
        Path tokenizer = Files.createDirectory(directory.resolve("tokenizer"));
        Files.writeString(tokenizer.resolve("tokenizer.json"), "{\"added_tokens\": [{\"id\": 2, \"content\": \"<|end|>\"}]}");
        Files.writeString(tokenizer.resolve("special_tokens_map.json"), "{}");
        Files.writeString(tokenizer.resolve("README.md"), "not part of a tokenizer");
        Path out = Files.createDirectory(directory.resolve("exported"));
        Exports.export(model.save(directory, 1, 5), tokenizer, out, 1 << 30);
        assertThat(names(out)).containsExactly("README.md", "config.json", "generation_config.json", "model.safetensors", "special_tokens_map.json",
                "tokenizer.json", "tokenizer_config.json");
        assertThat(Files.readString(out.resolve("README.md"))).contains("library_name: transformers").doesNotContain("not part of a tokenizer");
        assertThat(Files.readString(out.resolve("tokenizer_config.json"))).contains("\"eos_token\" : \"<|end|>\"")
                .contains("PreTrainedTokenizerFast");
    }

    @Test
    void shouldLeaveNothingBehindWhenAShardIsBad() throws Exception {
        Path checkpoint = model.save(directory, 2, 5);
        Files.writeString(checkpoint.resolve("model/shard-00002-model-00001-of-00001.safetensors"), "no");
        assertThatThrownBy(() -> Exports.export(checkpoint, null, directory.resolve("a/b"), 1 << 30))
                .isInstanceOf(CorruptShardException.class);
        assertThat(directory.resolve("a")).isEmptyDirectory();
    }

    @Test
    void shouldReplaceWhatAKilledExportLeft() throws Exception {
        Path left = Files.createDirectories(directory.resolve(".exported.partial/sub"));
        Files.writeString(left.resolve("model.safetensors"), "half");
        Exports.export(model.save(directory, 2, 5), null, directory.resolve("exported"), 1 << 30);
        assertThat(names(directory)).containsExactly("checkpoints", "exported");
    }

    @Test
    void shouldRefuseBadArgumentsBeforeWritingAnything() throws Exception {
        Path checkpoint = model.save(directory, 1, 5);
        Path occupied = Files.createDirectory(directory.resolve("occupied"));
        Path file = Files.writeString(occupied.resolve("f"), "x");
        assertRefused(checkpoint, null, occupied, "output_dir=%s is not empty; give a new directory".formatted(occupied));
        assertRefused(checkpoint, null, file, "output_dir=%s is a file; give a new directory".formatted(file));
        assertRefused(checkpoint, occupied, directory.resolve("new"),
                "tokenizer_name=%s has no tokenizer.json; give a directory that has one".formatted(occupied));
        assertRefused(checkpoint, file, directory.resolve("new"), "tokenizer_name=%s: %s is not valid JSON".formatted(file, file));
        assertThatThrownBy(() -> Exports.export(checkpoint, null, directory.resolve("new"), 50_000_000_001L)).isInstanceOf(CallerException.class)
                .hasMessage("max_shard_size=50000000001 bytes; must be in [1, 50000000000], which is 50GB");
        assertRefused(directory, null, directory.resolve("new"), directory + " is not a checkpoint: it has no manifest.json");
        assertThat(names(directory)).containsExactly("checkpoints", "occupied");
    }

    private static void assertRefused(Path checkpoint, Path tokenizer, Path out, String message) {
        assertThatThrownBy(() -> Exports.export(checkpoint, tokenizer, out, 1 << 30)).isInstanceOf(CallerException.class)
                .hasMessageStartingWith(message);
    }

    private static List<String> names(Path dir) throws Exception {
        try (var files = Files.list(dir)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }
}
