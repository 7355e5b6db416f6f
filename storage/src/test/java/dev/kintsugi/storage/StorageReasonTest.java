package dev.kintsugi.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

class StorageReasonTest {
    private static final StoragePath FILE = StoragePath.of("/out/file");

    @Test
    void shouldPutJdkExceptionsIntoWords() {
        assertThat(StorageReason.of(new AccessDeniedException("/out/file"))).isEqualTo("permission denied: /out/file");
        assertThat(StorageReason.of(new FileSystemException("/out/file", null, "No space left on device")))
                .isEqualTo("No space left on device: /out/file");
        assertThat(StorageReason.of(new IOException())).isEqualTo("IOException");
    }

    @Test
    void shouldNameTheFileOnceAndKeepTheCause() {
        var cause = new IOException("Input/output error");
        assertThat(StorageReason.explained(FILE, cause)).hasMessage("/out/file: Input/output error").hasCause(cause);
        assertThat(StorageReason.explained(FILE, new NoSuchFileException("/out/file"))).isInstanceOf(FileNotFoundException.class)
                .hasMessage("no such file or directory: /out/file");
    }
}
