package dev.kintsugi.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.worker.data.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TextStreamTest {
    @Test
    void shouldWriteWholeCharactersThatMakeUpTheText() {
        for (Path tokenizer : List.of(ModelFixture.DIRECTORY, Path.of("src/test/resources/tokenizer/unigram"))) {
            try (Tokenizer t = Tokenizer.open(tokenizer)) {
                for (String text : List.of("In the beginning", "吾輩は猫である。 😀 é", " of the book", "a\n\n  b")) {
                    int[] ids = t.encode(text, true);
                    List<String> pieces = new ArrayList<>();
                    var stream = new TextStream(t, pieces::add);
                    for (int id : ids) { stream.accept(id); }
                    stream.finish();
                    assertThat(String.join("", pieces)).isEqualTo(t.decode(true, ids));
                    if (tokenizer == ModelFixture.DIRECTORY) { assertThat(pieces).noneMatch(p -> p.contains("\uFFFD")); }
                }
            }
        }
    }

    @Test
    void shouldWriteTheHalfCharacterThatNothingCompletes() {
        try (Tokenizer t = Tokenizer.open(ModelFixture.DIRECTORY)) {
            int[] ids = t.encode("a猫", false);
            List<String> pieces = new ArrayList<>();
            var stream = new TextStream(t, pieces::add);
            stream.accept(ids[0], ids[1]);
            assertThat(String.join("", pieces)).isIn("", "a");
            stream.finish();
            assertThat(String.join("", pieces)).isEqualTo("a\uFFFD");
        }
    }
}
