package dev.kintsugi.worker.data;

import java.nio.file.Path;

/// Where the tests' tokenizers are: a module's tests run in its own directory.
final class Fixtures {
    static final Path QUICKSTART = Path.of("../client/src/main/resources/dev/kintsugi/client/quickstart");
    static final Path TOKENIZER = Path.of("src/test/resources/tokenizer");
    static final Path UNIGRAM = TOKENIZER.resolve("unigram");

    private Fixtures() {
    }
}
