package dev.kintsugi.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PosixStorageTest extends StorageContract {
    @TempDir
    private Path directory;

    @Override
    Storage storage() {
        return Storages.of(root());
    }

    @Override
    StoragePath root() {
        return StoragePath.of(directory);
    }

    @Override
    int seam() {
        return 1 << 16;
    }

    @Test
    void shouldWriteUnderAnotherNameUntilCommit() throws IOException {
        WritableFile killed = storage().create(root().resolve("model/shard"));
        killed.write(bytes("a longer half"));
        assertThat(names("model")).containsExactly(".shard.partial");
        try (WritableFile out = storage().create(root().resolve("model/shard"))) {
            out.write(bytes("whole"));
            out.commit();
        }
        assertThat(names("model")).containsExactly("shard");
        assertThat(storage().readAll(root().resolve("model/shard"))).asString().isEqualTo("whole");
    }

    /// More than goes to the medium before the sync, in parts that fit nothing.
    @Test
    void shouldReadBackFromTheMediumWhatWasWrittenInUnevenParts() throws IOException {
        byte[] content = new byte[(20 << 20) + 12_345];
        new Random(1).nextBytes(content);
        try (WritableFile out = storage().create(root().resolve("large"))) {
            for (int at = 0; at < content.length; at += 777_777) { out.write(ByteBuffer.wrap(content, at, Math.min(777_777, content.length - at))); }
            out.commit();
        }
        try (ReadableFile in = storage().open(root().resolve("large"))) { in.forget(); }
        assertThat(storage().readAll(root().resolve("large"))).isEqualTo(content);
    }

    @Test
    void shouldNotFollowLinksWhenDeleting() throws IOException {
        Path kept = Files.createDirectory(directory.resolve("kept"));
        Files.writeString(kept.resolve("file"), "x");
        Path step = Files.createDirectory(directory.resolve("step"));
        Files.createSymbolicLink(step.resolve("link"), kept);
        storage().deleteTree(StoragePath.of(step));
        assertThat(step).doesNotExist();
        assertThat(kept.resolve("file")).exists();
    }

    @Test
    void shouldSayInWordsWhatIsInTheWay() throws IOException {
        Files.writeString(directory.resolve("file"), "x");
        Files.createDirectory(directory.resolve("directory"));
        assertThatThrownBy(() -> storage().create(root().resolve("file/below"))).isInstanceOf(IOException.class)
                .hasMessage("there is a file of that name: " + directory.resolve("file"));
        assertThatThrownBy(() -> storage().create(root().resolve("directory"))).hasMessage(directory.resolve("directory") + ": it is a directory");
        assertThatThrownBy(() -> storage().open(root().resolve("directory"))).hasMessage(directory.resolve("directory") + ": it is a directory");
    }

    @Test
    void shouldSayThatStorageIsFull() {
        assertThatThrownBy(() -> StoragePath.of("/dev/full").toPath().getFileSystem().provider()
                .newByteChannel(Path.of("/dev/full"), java.util.Set.of(java.nio.file.StandardOpenOption.WRITE)).write(bytes("x")))
                .isInstanceOf(IOException.class)
                .satisfies(e -> assertThat(StorageReason.explained(StoragePath.of("/dev/full"), (IOException) e))
                        .hasMessage("/dev/full: No space left on device"));
    }

    private List<String> names(String below) throws IOException {
        try (var entries = Files.list(directory.resolve(below))) {
            return entries.map(p -> p.getFileName().toString()).toList();
        }
    }
}
