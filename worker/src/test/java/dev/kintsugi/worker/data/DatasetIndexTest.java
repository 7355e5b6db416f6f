package dev.kintsugi.worker.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DatasetIndexTest {
    private static final DatasetIndex.Listener QUIET = new Notes();

    @TempDir
    Path directory;
    Path data;

    @BeforeEach
    void makeDataset() throws IOException {
        data = Files.createDirectories(directory.resolve("text/deep"));
        String english = Files.readString(Fixtures.QUICKSTART.resolve("english.txt"));
        Files.writeString(directory.resolve("text/b.txt"), english.substring(0, 50_000));
        Files.writeString(directory.resolve("text/a.java"), "class A {\n    int x;\n}\n".repeat(30));
        Files.writeString(directory.resolve("text/deep/c.jsonl"),
                "{\"text\": \"吾輩は猫である。\"}\n\n{\"n\": 1, \"text\": \"" + "word ".repeat(7000) + "\"}\r\n{\"text\": \"\"}");
        Files.write(directory.resolve("text/deep/broken.txt"), new byte[] {'a', (byte) 0xff, 'b', (byte) 0xe3});
        Files.writeString(directory.resolve("text/empty"), "");
        Files.writeString(directory.resolve("text/.hidden"), "not data");
        data = directory.resolve("text");
    }

    @ParameterizedTest
    @CsvSource({"2, true, false", "7, false, true", "64, true, true", "1000, false, false"})
    void shouldPackLikeThePlainTwin(int maxLength, boolean append, boolean special) {
        for (Path tokenizer : new Path[] {Fixtures.QUICKSTART, Fixtures.UNIGRAM}) {
                    List<Integer> expected = twin(tokenizer, append, special);
                    int whole = expected.size() / maxLength * maxLength;
                    Path index = DatasetIndex.prepare(config(data.toString(), tokenizer, maxLength, append, special, 2), QUIET);
                    assertThat(ids(index)).as("append=%s special=%s %s", append, special, tokenizer).isEqualTo(expected.subList(0, whole));
        }
    }

    /// Whole documents in memory, one thread, the library's own special tokens.
    private List<Integer> twin(Path tokenizerDir, boolean append, boolean special) {
        List<Integer> ids = new ArrayList<>();
        try (Tokenizer tokenizer = Tokenizer.open(tokenizerDir)) {
            for (String document : List.of(text("a.java"), text("b.txt"), text("deep/broken.txt"), "吾輩は猫である。", "word ".repeat(7000), "",
                    text("empty"))) {
                for (int id : tokenizer.encode(document, special)) { ids.add(id); }
                if (append) { ids.add(tokenizer.eosId().getAsInt()); }
            }
        }
        return ids;
    }

    private String text(String name) {
        try {
            return new String(Files.readAllBytes(data.resolve(name)), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldGiveTheSameBytesForAnyThreadsAndTwice() throws IOException {
        Path one = DatasetIndex.prepare(config("one", 1), QUIET);
        Path three = DatasetIndex.prepare(config("three", 3), QUIET);
        assertThat(one.getFileName()).isEqualTo(three.getFileName());
        assertThat(one).hasSameBinaryContentAs(three);
        Files.setLastModifiedTime(one, FileTime.fromMillis(0));
        assertThat(DatasetIndex.prepare(config("one", 2), QUIET)).isEqualTo(one);
        assertThat(Files.getLastModifiedTime(one).toMillis()).as("was not written again").isZero();
    }

    private DatasetConfig config(String output, int threads) {
        return new DatasetConfig(data.toString(), "", Fixtures.QUICKSTART, SampleSettings.plain("text", 128, true, false), 8192, directory.resolve(output),
                threads);
    }

    @Test
    void shouldWriteADamagedIndexAnew() throws IOException {
        Path index = DatasetIndex.prepare(config("out", 1), QUIET);
        byte[] good = Files.readAllBytes(index);
        byte[] bad = good.clone();
        bad[good.length / 2] ^= 1;
        Files.write(index, bad);
        DatasetIndex.prepare(config("out", 1), QUIET);
        assertThat(index).hasBinaryContent(good);
        Files.write(index, Arrays.copyOf(good, good.length - 4));
        assertThatThrownBy(() -> DatasetIndex.open(index)).isInstanceOf(WorldException.class).hasMessageContaining(index.toString());
        DatasetIndex.prepare(config("out", 1), QUIET);
        assertThat(index).hasBinaryContent(good);
    }

    @Test
    void shouldReportProgressUpToTheEnd() {
        List<long[]> seen = new ArrayList<>();
        Path index = DatasetIndex.prepare(config("out", 1), new DatasetIndex.Listener() {
            @Override
            public void progress(long read, long total, long tokens) {
                seen.add(new long[] {read, total, tokens});
            }

            @Override
            public void note(String sentence) {
                throw new AssertionError(sentence);
            }
        });
        long[] last = seen.getLast();
        assertThat(last[0]).isEqualTo(last[1]);
        assertThat(last[2]).isBetween((long) ids(index).size(), ids(index).size() + 127L);
    }

    @Test
    void shouldTakeAFileADirectoryOrAGlob() {
        assertThat(ids(DatasetIndex.prepare(dataset("b.txt"), QUIET)).size()).isGreaterThan(10_000);
        assertThat(ids(DatasetIndex.prepare(dataset("*.java"), QUIET)))
                .isEqualTo(ids(DatasetIndex.prepare(dataset("a.java"), QUIET)));
        assertThat(DatasetFiles.find(data + "/**", "").names()).containsExactly("a.java", "b.txt", "deep/broken.txt", "deep/c.jsonl", "empty");
        assertThat(DatasetFiles.find(data + "/**.{txt,jsonl}", "").names()).containsExactly("b.txt", "deep/broken.txt", "deep/c.jsonl");
        assertThat(DatasetFiles.find(data.toString(), "").names()).containsExactly("a.java", "b.txt", "deep/broken.txt", "deep/c.jsonl", "empty");
    }

    private DatasetConfig dataset(String name) {
        return config(data + "/" + name, Fixtures.QUICKSTART, 16, true, false, 1);
    }

    private DatasetConfig config(String dataset, Path tokenizer, int maxLength, boolean append, boolean special, int threads) {
        return new DatasetConfig(dataset, "", tokenizer, SampleSettings.plain("text", maxLength, append, special), 8192, directory.resolve("out"), threads);
    }

    private static List<Integer> ids(Path index) {
        List<Integer> ids = new ArrayList<>();
        try (TokenBlocks blocks = DatasetIndex.open(index); Arena arena = Arena.ofConfined()) {
            MemorySegment block = arena.allocate(4L * blocks.blockLength() + 4);
            for (long i = 0; i < blocks.size(); i++) {
                blocks.read(i, block, 4);
                for (int t = 0; t < blocks.blockLength(); t++) { ids.add(block.getAtIndex(ValueLayout.JAVA_INT, t + 1)); }
            }
        }
        return ids;
    }

    @Test
    void shouldSayWhatIsWrongWithTheDataset() throws IOException {
        refuses(dataset("missing.txt"), "missing.txt", "no such file");
        refuses(dataset("*.none"), "*.none", "no file matches");
        refuses(dataset("{a,b"), "not a glob");
        refuses(dataset("empty"), "1 tokens", "max_length=16", "--max_length");
        Files.createDirectories(data.resolve("nothing"));
        refuses(dataset("nothing"), "no file matches");
        Files.writeString(data.resolve("x.parquet"), "PAR1");
        refuses(dataset("x.parquet"), "x.parquet", "not text");
        Files.writeString(data.resolve("bad.jsonl"), "{\"text\": \"good\"}\n{\"text\": \"bad\n");
        refuses(dataset("bad.jsonl"), "bad.jsonl:2", "not a JSON object");
        Files.writeString(data.resolve("bad.jsonl"), "{\"text\": \"good\"}\n\n{\"content\": \"x\", \"id\": 3}\n");
        refuses(dataset("bad.jsonl"), "bad.jsonl:3", "'text'", "content, id", "--dataset_text_field");
        Files.writeString(data.resolve("bad.jsonl"), "[1]\n");
        refuses(dataset("bad.jsonl"), "bad.jsonl:1", "'text'");
        Files.writeString(data.resolve("bad.jsonl"), "{\"text\": \"a\"} {\"text\": \"b\"}\n");
        refuses(dataset("bad.jsonl"), "bad.jsonl:1", "not a JSON object");
        refuses(new DatasetConfig(data.resolve("b.txt").toString(), "", Fixtures.QUICKSTART, SampleSettings.plain("text", 16, true, false), 100,
                directory.resolve("out"), 1),
                "vocab_size=100", "8192");
    }

    @Test
    void shouldRefuseAnOutputDirectoryThatIsAFile() throws IOException {
        Files.writeString(directory.resolve("taken"), "");
        refuses(config("taken", 1), "output_dir=", "taken is not a directory");
    }

    private void refuses(DatasetConfig config, String... parts) throws IOException {
        assertThatThrownBy(() -> DatasetIndex.prepare(config, QUIET)).isInstanceOf(CallerException.class)
                .message().contains(parts).doesNotContain("\n");
        Path written = directory.resolve("out/data");
        if (Files.exists(written)) {
            try (Stream<Path> files = Files.list(written)) { assertThat(files).as("nothing half-written").isEmpty(); }
        }
    }

    @Test
    void shouldWantAnEosTokenOnlyToAppendIt() throws IOException {
        Files.copy(Fixtures.QUICKSTART.resolve("tokenizer.json"), directory.resolve("tokenizer.json"));
        refuses(config(data.toString(), directory, 16, true, false, 1), "no eos_token", "--append_concat_token False");
        assertThat(DatasetIndex.prepare(config(data.toString(), directory, 16, false, false, 1), QUIET)).exists();
    }
}
