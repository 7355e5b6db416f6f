package dev.kintsugi.worker.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Records of prompts, messages and tables, their splits, and what is said of bad ones.
class RecordsTest {
    private static final String TURN = "{\"messages\": [{\"role\": \"user\", \"content\": \"Q\"}, {\"role\": \"assistant\", \"content\": \"A\"}]}\n";

    @TempDir
    Path directory;
    private final Notes notes = new Notes();

    private SampleSettings settings(int maxLength, String format, String template) {
        return new SampleSettings("text", maxLength, true, Optional.empty(), Optional.empty(), "", Optional.empty(), false, format, template);
    }

    private Path prepare(String name, String split, SampleSettings settings) {
        return DatasetIndex.prepare(new DatasetConfig(directory.resolve(name).toString(), split, Fixtures.QUICKSTART, settings, 8192,
                directory.resolve("out"), 1), notes);
    }

    private void write(String name, String text) throws IOException {
        Path file = directory.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private void refuses(String name, String split, SampleSettings settings, String... parts) throws IOException {
        assertThatThrownBy(() -> prepare(name, split, settings)).isInstanceOf(CallerException.class).message().contains(parts).doesNotContain("\n");
        Path written = directory.resolve("out/data");
        if (Files.exists(written)) {
            try (Stream<Path> files = Files.list(written)) { assertThat(files).as("nothing half-written").isEmpty(); }
        }
    }

    @Test
    void shouldSayWhereARecordIsWrong() throws IOException {
        SampleSettings chatml = settings(64, "chatml", "");
        String good = "{\"prompt\": \"a\", \"completion\": \"b\"}\n";
        write("a.jsonl", good + "{\"prompt\": \"a\", \"completion\": 3}\n");
        refuses("a.jsonl", "", chatml, "a.jsonl:2", "both be strings");
        write("a.jsonl", good + "{\"prompt\": \"a\"}\n");
        refuses("a.jsonl", "", chatml, "a.jsonl:2", "'text'", "prompt");
        write("a.jsonl", good + "\n{\"text\": \"a\"}\n");
        refuses("a.jsonl", "", chatml, "a.jsonl:3", "text, but the dataset began with prompt and completion");
        write("a.jsonl", TURN + "{\"messages\": []}\n");
        refuses("a.jsonl", "", chatml, "a.jsonl:2", "at least one");
        write("a.jsonl", TURN + "{\"messages\": [{\"content\": \"x\"}]}\n");
        refuses("a.jsonl", "", chatml, "a.jsonl:2", "'role'", "content");
        write("a.jsonl", TURN + "{\"messages\": [{\"role\": \"user\"}]}\n");
        refuses("a.jsonl", "", chatml, "a.jsonl:2", "'content'");
        write("a.jsonl", TURN + "{\"messages\"\n");
        refuses("a.jsonl", "", chatml, "a.jsonl:2", "not a JSON object");
        write("a.jsonl", "");
        refuses("a.jsonl", "", chatml, "0 tokens");
        write("t.csv", "prompt,completion\na,\"b\n");
        refuses("t.csv", "", chatml, "t.csv:2", "never closed");
        write("t.csv", "prompt,completion\n\na,b\na\n");
        refuses("t.csv", "", chatml, "t.csv:4", "1 fields", "names 2");
    }

    @Test
    void shouldSayWhatIsWrongWithATemplate() throws IOException {
        write("a.jsonl", TURN + TURN.replace("user", "robot"));
        refuses("a.jsonl", "", settings(64, "zephyr", ""), "a.jsonl:2", "chat template zephyr, line 3", "refuses", "'robot'");
        refuses("a.jsonl", "", settings(64, "", ""), "no chat template", "--chat_template_format");
        refuses("a.jsonl", "", settings(64, "none", ""), "none");
        write("broken.jinja", "{% for m in messages %}\n{{ m.content }");
        refuses("a.jsonl", "", settings(64, "", directory.resolve("broken.jinja").toString()), "broken.jinja, line 2");
        refuses("a.jsonl", "", settings(64, "", directory.resolve("missing.jinja").toString()), "missing.jinja", "cannot be read");
        write("plain.jinja", "{% for m in messages %}{{ m.content }}{% endfor %}");
        var assistant = new SampleSettings("text", 64, true, Optional.empty(), Optional.empty(), "", Optional.empty(), true, "",
                directory.resolve("plain.jinja").toString());
        refuses("a.jsonl", "", assistant, "--assistant_only_loss", "generation");
        var completion = new SampleSettings("text", 64, true, Optional.empty(), Optional.empty(), "", Optional.of(true), false, "chatml", "");
        refuses("a.jsonl", "", completion, "--completion_only_loss", "messages");
        var special = new SampleSettings("text", 64, true, Optional.of(true), Optional.empty(), "", Optional.empty(), false, "chatml", "");
        refuses("a.jsonl", "", special, "--add_special_tokens");
    }

    @Test
    void shouldTakeTheFilesOfASplit() throws IOException {
        for (String name : List.of("d/train.jsonl", "d/train-00001.jsonl", "d/trainer.jsonl", "d/deep/train/x.jsonl", "d/test.jsonl")) { write(name, TURN); }
        assertThat(DatasetFiles.find(directory.resolve("d").toString(), "train").names())
                .containsExactly("deep/train/x.jsonl", "train-00001.jsonl", "train.jsonl");
        assertThat(DatasetFiles.find(directory.resolve("d").toString(), "test").names()).containsExactly("test.jsonl");
        assertThat(DatasetFiles.find(directory.resolve("d/test.jsonl").toString(), "train").names()).containsExactly("test.jsonl");
        refuses("d", "validation", settings(64, "chatml", ""), "no file of split 'validation'", "--splits");
    }

    @Test
    void shouldLeaveOutWhatCountsNothingAndSaySo() throws IOException {
        String longPrompt = "{\"prompt\": \"" + "word ".repeat(50) + "word\", \"completion\": \" b\"}\n";
        write("a.jsonl", "{\"prompt\": \"a\", \"completion\": \" b\"}\n" + longPrompt);
        try (TokenBlocks blocks = DatasetIndex.open(prepare("a.jsonl", "", settings(16, "", "")))) {
            assertThat(blocks.size()).isEqualTo(1);
            assertThat(blocks.blockLength()).isEqualTo(16);
        }
        assertThat(notes.sentences).containsExactly("1 of 2 examples were cut to max_length=16 tokens",
                "1 of 2 examples were left out: no token of theirs counts");
        write("b.jsonl", longPrompt);
        assertThatThrownBy(() -> prepare("b.jsonl", "", settings(16, "", ""))).isInstanceOf(CallerException.class)
                .hasMessageContainingAll("no token that the loss counts (1 examples)", "--max_length");
    }

    @Test
    void shouldReadOlderConversationsAlike() throws IOException {
        write("new/a.jsonl", TURN);
        write("old/a.jsonl", TURN.replace("messages", "conversations").replace("role", "from").replace("content", "value"));
        assertThat(digest("old/a.jsonl")).isEqualTo(digest("new/a.jsonl"));
    }

    private String digest(String name) {
        try (TokenBlocks blocks = DatasetIndex.open(prepare(name, "", settings(64, "chatml", "")))) {
            return blocks.digest();
        }
    }

    @Test
    void shouldReadTablesAsRfc4180HasThem() throws IOException {
        var rows = new CsvRows(Path.of("t.csv"), new StringReader("\uFEFFa,\"b \"\"c\"\"\"\r\n1,\"x,\ny\"\n\n,\r\n\"\",last"));
        List<String> all = new ArrayList<>();
        for (Row row = rows.next(); row != null; row = rows.next()) { all.add(row.place() + row.fields()); }
        assertThat(all).containsExactly("t.csv:2{\"a\":\"1\",\"b \\\"c\\\"\":\"x,\\ny\"}", "t.csv:5{\"a\":\"\",\"b \\\"c\\\"\":\"\"}",
                "t.csv:6{\"a\":\"\",\"b \\\"c\\\"\":\"last\"}");
    }
}
