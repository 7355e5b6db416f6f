package dev.kintsugi.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StoragePathTest {
    @ParameterizedTest
    @CsvSource({"/a/b/c, /a/b, c", "/a, /, a", "/, /, ''", "s3://bucket/a/b, s3://bucket/a, b", "s3://bucket/a, s3://bucket, a",
            "s3://bucket, s3://bucket, bucket"})
    void shouldKnowParentAndName(String text, String parent, String name) {
        StoragePath path = StoragePath.of(text);
        assertThat(path.parent()).isEqualTo(StoragePath.of(parent));
        assertThat(path.fileName()).isEqualTo(name);
        assertThat(path.parent().resolve("x").parent()).isEqualTo(path.parent());
    }

    @ParameterizedTest
    @CsvSource({"/a/, /a", "//, /", "s3://bucket/, s3://bucket", "s3://bucket/a//, s3://bucket/a"})
    void shouldEndWithoutSlash(String text, String expected) {
        assertThat(StoragePath.of(text)).hasToString(expected);
    }

    @Test
    void shouldMakePathsAbsolute() {
        assertThat(StoragePath.of(Path.of("a/../b")).toPath()).isEqualTo(Path.of("b").toAbsolutePath());
        assertThat(StoragePath.of("/out").resolve("step-00000001/model").toPath()).isEqualTo(Path.of("/out/step-00000001/model"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "out", "./out", "s3://", "s3:///key", "gs://bucket/a", "/a\0b"})
    void shouldRefuseWhatNamesNoPlace(String text) {
        assertThatThrownBy(() -> StoragePath.of(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void shouldSayWhatToWriteInstead() {
        assertThatThrownBy(() -> StoragePath.of("gs://bucket/a"))
                .hasMessage("gs://bucket/a is on storage of an unknown kind; write /absolute/path or s3://bucket/prefix");
        assertThatThrownBy(() -> StoragePath.of("s3://bucket/a").toPath()).hasMessage("s3://bucket/a is not a path of this host");
    }
}
