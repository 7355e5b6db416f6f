package dev.kintsugi.worker.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Against the samples that TRL's SFTTrainer makes (`sft_fixtures.py`), token for token and label for label.
class SampleConformanceTest {
    private static final Path FIXTURES = Path.of("src/test/resources/sft");
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    Path directory;

    /// What a token is, and what it counts as: its id, or -100.
    ///
    /// @param lengths of the examples that it is made of
    private record Sample(List<Integer> ids, List<Integer> labels, List<Integer> lengths) {}

    @ParameterizedTest
    @CsvSource({"text, bpe", "text, unigram", "completion, bpe", "chat, bpe", "chat, unigram", "messages, bpe", "messages, unigram"})
    void shouldMakeTheSamplesThatTrlMakes(String form, String tokenizer) throws IOException {
        for (String line : Files.readAllLines(FIXTURES.resolve(form + "-" + tokenizer + ".jsonl"))) {
            JsonNode variant = JSON.readTree(line);
            JsonNode flags = variant.get("flags");
            int maxLength = variant.get("max_length").intValue();
            List<Sample> expected = new ArrayList<>();
            variant.get("samples").forEach(s -> expected.add(new Sample(ints(s.get("input_ids")), labels(s), lengths(s))));
            boolean wrapped = flags.path("packing").booleanValue(false) && !flags.path("packing_strategy").asString("").equals("bfd");
            if (wrapped && expected.getLast().ids.size() < maxLength) { expected.removeLast(); }
            assertThat(samples(form, tokenizer, maxLength, flags)).as("%s %s %s", form, tokenizer, flags).isEqualTo(expected);
        }
    }

    @Test
    void shouldPackTheBinsThatTrlPacks() throws IOException {
        JsonNode json = JSON.readTree(Files.readString(FIXTURES.resolve("bins.json")));
        List<Integer> lengths = ints(json.get("lengths"));
        var found = new ArrayList<List<Integer>>();
        var packing = new BestFitPacking(json.get("capacity").intValue(), bin -> found.add(bin.stream().map(words -> words[0]).toList()));
        for (int i = 0; i < lengths.size(); i++) {
            int[] words = new int[lengths.get(i)];
            words[0] = i;
            packing.add(words);
            packing.endExample(i + 1L);
        }
        packing.flush();
        var expected = new ArrayList<List<Integer>>();
        json.get("bins").forEach(bin -> expected.add(ints(bin)));
        assertThat(found).isEqualTo(expected);
    }

    private List<Sample> samples(String form, String tokenizer, int maxLength, JsonNode flags) {
        boolean texts = form.equals("text") || form.equals("completion");
        Optional<Boolean> completionOnly = flags.has("completion_only_loss") ? Optional.of(flags.get("completion_only_loss").booleanValue()) : Optional.empty();
        var settings = new SampleSettings("text", maxLength, true, Optional.of(texts), Optional.of(flags.path("packing").booleanValue(false)),
                flags.path("packing_strategy").asString(""), completionOnly, flags.path("assistant_only_loss").booleanValue(false), texts ? "" : "chatml", "");
        var config = new DatasetConfig(FIXTURES.resolve(form + ".jsonl").toString(), "", tokenizer.equals("bpe") ? Fixtures.QUICKSTART : Fixtures.UNIGRAM,
                settings, 8192, directory, 2);
        List<Sample> samples = new ArrayList<>();
        try (TokenBlocks blocks = DatasetIndex.open(DatasetIndex.prepare(config, new Notes())); Arena arena = Arena.ofConfined()) {
            var order = new SampleOrder(SampleOrder.Sampling.SEQUENTIAL, 0, blocks.size());
            for (long i = 0; i < blocks.size(); i++) { samples.add(sample(blocks, order, i, arena)); }
        }
        return samples;
    }

    /// As a micro-batch has it, whose labels are those of the tokens one later.
    private static Sample sample(TokenBlocks blocks, SampleOrder order, long i, Arena arena) {
        int room = blocks.blockLength();
        var ids = new Tensor(arena.allocate(4L * room), DType.I32, room);
        var labels = new Tensor(arena.allocate(4L * room), DType.I32, room);
        var positions = blocks.isJoined() ? new Tensor(arena.allocate(4L * room), DType.I32, room) : null;
        int T = Batches.fill(blocks, order, i, 1, ids, labels, positions);
        int length = blocks.length(i);
        int[] words = new int[length];
        blocks.read(i, java.lang.foreign.MemorySegment.ofArray(words), 0);
        int[] shifted = Arrays.copyOf(labels.data().toArray(ValueLayout.JAVA_INT), T);
        assertThat(Arrays.stream(shifted, length - 1, T)).as("nothing follows the last token").allMatch(label -> label == Batches.NO_LABEL);
        assertThat(blocks.counted(i)).isEqualTo(Arrays.stream(shifted).filter(label -> label >= 0).count());
        List<Integer> all = new ArrayList<>();
        all.add(TokenWord.counts(words[0]) ? TokenWord.id(words[0]) : Batches.NO_LABEL);        // The first token is never predicted.
        for (int t = 0; t < length - 1; t++) { all.add(shifted[t]); }
        return new Sample(Arrays.stream(ids.data().toArray(ValueLayout.JAVA_INT)).limit(length).boxed().toList(), all,
                positions == null ? List.of(length) : lengths(positions.data().toArray(ValueLayout.JAVA_INT), length));
    }

    /// Of examples, whose positions begin at 0 each.
    private static List<Integer> lengths(int[] positions, int length) {
        var lengths = new ArrayList<Integer>();
        for (int t = 1; t <= length; t++) {
            if (t == length || positions[t] == 0) { lengths.add(positions[t - 1] + 1); }
        }
        return lengths;
    }

    private static List<Integer> lengths(JsonNode sample) {
        return sample.has("seq_lengths") ? ints(sample.get("seq_lengths")) : List.of(sample.get("input_ids").size());
    }

    /// Without those at the beginnings of examples within a sample, which TRL's collator takes out.
    private static List<Integer> labels(JsonNode sample) {
        List<Integer> labels = ints(sample.get("labels"));
        int begin = 0;
        for (int length : lengths(sample)) {
            if (begin > 0) { labels.set(begin, Batches.NO_LABEL); }
            begin += length;
        }
        return labels;
    }

    private static List<Integer> ints(JsonNode array) {
        List<Integer> ints = new ArrayList<>();
        array.forEach(n -> ints.add(n.intValue()));
        return ints;
    }
}
