package dev.kintsugi.client.quickstart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.client.service.CommandException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuickstartTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 12, 64})
    void shouldDivideTheMicrobatchesByBothNumbersOfRanks(int ranks) {
        QuickstartPlan plan = new QuickstartPlan(200, ranks);
        assertThat(plan.resumeRanks()).isNotEqualTo(ranks).isPositive();
        assertThat(plan.microbatches() % ranks).isZero();
        assertThat(plan.microbatches() % plan.resumeRanks()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 9, 30, 201, 10_000})
    void shouldStopAfterACheckpointThatIsNotTheLast(int steps) {
        QuickstartPlan plan = new QuickstartPlan(steps, 2);
        assertThat(plan.stopAfter() % plan.saveSteps()).isZero();
        assertThat(plan.stopAfter()).isBetween(steps / 2, steps - 1);
    }

    @Test
    void shouldTakeJavaBaseFromTheSourcesOfTheJdk() throws IOException {
        Path home = directory.resolve("jdk");
        Files.createDirectories(home.resolve("lib"));
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(home.resolve("lib/src.zip")))) {
            put(zip, "java.base/java/util/List.java", "interface List {}");
            put(zip, "java.base/java/util/package-info.java", "package java.util;");
            put(zip, "java.base/java/util/Giant.java", " ".repeat(70_000));
            put(zip, "java.sql/java/sql/Driver.java", "interface Driver {}");
            put(zip, "java.base/java/../../../../evil.java", "evil");
        }
        Corpus corpus = Corpus.extract(home, directory.resolve("data"));
        assertThat(corpus.description()).startsWith("1 Java files, 17 B, from ");
        assertThat(directory.resolve("data/java.base/java/util/List.java")).hasContent("interface List {}");
        assertThat(directory.resolve("evil.java")).doesNotExist();
        try (var files = Files.walk(directory.resolve("data"))) {
            assertThat(files.filter(Files::isRegularFile)).hasSize(1);
        }
    }

    @Test
    void shouldFallBackToTheEnglishText() throws IOException {
        Corpus corpus = Corpus.extract(directory.resolve("none"), directory.resolve("data"));
        assertThat(corpus.description()).contains("no lib/src.zip");
        assertThat(Files.size(directory.resolve("data/english.txt"))).isGreaterThan(500_000);
    }

    @Test
    void shouldOverwriteOnlyAnEarlierQuickstart() throws IOException {
        Path root = directory.resolve("mine");
        Files.createDirectories(root);
        Path precious = Files.writeString(root.resolve("precious.txt"), "x");
        assertThatThrownBy(() -> new QuickstartDirectory(root).create(true)).isInstanceOf(CommandException.class)
                .hasMessageContaining("is not from a quickstart").hasMessageContaining("--output_dir " + root + "-2");
        assertThat(precious).exists();

        Path earlier = directory.resolve("earlier");
        new QuickstartDirectory(earlier).create(false);
        assertThatThrownBy(() -> new QuickstartDirectory(earlier).create(false)).hasMessageContaining("or --overwrite");
        Files.writeString(earlier.resolve("old.txt"), "x");
        new QuickstartDirectory(earlier).create(true);
        assertThat(earlier.resolve("old.txt")).doesNotExist();
    }

    @Test
    void shouldShipAConfigThatFitsTheTokenizer() throws IOException {
        Resources.copy("config.json", directory.resolve("config.json"));
        Resources.copy("tokenizer.json", directory.resolve("tokenizer.json"));
        assertThat(Files.readString(directory.resolve("config.json"))).contains("\"vocab_size\": 8192", "\"eos_token_id\": 0");
    }

    private static void put(ZipOutputStream zip, String name, String text) throws IOException {
        zip.putNextEntry(new ZipEntry(name));
        zip.write(text.getBytes(StandardCharsets.UTF_8));
        zip.closeEntry();
    }
}
