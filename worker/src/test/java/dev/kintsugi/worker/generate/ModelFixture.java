package dev.kintsugi.worker.generate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The tiny model that src/test/python/generate_fixtures.py made.
final class ModelFixture {
    static final Path DIRECTORY = Path.of("src/test/resources/generate");
    static final Path TEXT = DIRECTORY.resolve("text.txt");
    static final JsonMapper JSON = new JsonMapper();

    private ModelFixture() {}

    static JsonNode expected() {
        return JSON.readTree(DIRECTORY.resolve("expected.json"));
    }

    static int[] ints(JsonNode array) {
        return array.valueStream().mapToInt(JsonNode::asInt).toArray();
    }

    /// A copy, to be spoilt.
    static Path copyTo(Path directory) throws IOException {
        Files.createDirectories(directory);
        try (Stream<Path> files = Files.list(DIRECTORY)) {
            for (Path file : files.toList()) { Files.copy(file, directory.resolve(file.getFileName())); }
        }
        return directory;
    }
}
