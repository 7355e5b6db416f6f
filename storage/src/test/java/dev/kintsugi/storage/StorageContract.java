package dev.kintsugi.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What every [Storage] does, whatever is behind it.
abstract class StorageContract {
    abstract Storage storage();

    /// An empty directory, another one for each test.
    abstract StoragePath root();

    /// Sizes around which an implementation changes its ways, in bytes.
    abstract int seam();

    @Test
    void shouldShowFileOnlyOnceItIsCommitted() throws IOException {
        StoragePath file = root().resolve("step-00000001/model/shard");
        try (WritableFile out = storage().create(file)) {
            out.write(bytes("one, "));
            out.write(bytes("two"));
            assertThat(storage().size(file)).isEmpty();
            assertThat(storage().children(file.parent())).isEmpty();
            out.commit();
        }
        assertThat(storage().size(file)).hasValue(8);
        assertThat(storage().readAll(file)).asString().isEqualTo("one, two");
        assertThat(storage().children(root())).containsExactly("step-00000001");
        assertThat(storage().children(root().resolve("step-00000001"))).containsExactly("model");
    }

    @Test
    void shouldLeaveNothingOfFileThatWasNotCommitted() throws IOException {
        StoragePath file = root().resolve("directory/file");
        storage().replace(file.parent().resolve("other"), new byte[1]);
        try (WritableFile out = storage().create(file)) {
            out.write(ByteBuffer.allocate(2 * seam() + 1));
        }
        assertThat(storage().size(file)).isEmpty();
        assertThat(storage().children(file.parent())).containsExactly("other");
        assertThatThrownBy(() -> storage().open(file)).isInstanceOf(FileNotFoundException.class).hasMessageContaining(file.text());
    }

    @Test
    void shouldKeepOldContentUntilTheNewIsCommitted() throws IOException {
        StoragePath file = root().resolve("manifest.json");
        storage().replace(file, "old".getBytes(StandardCharsets.UTF_8));
        try (WritableFile out = storage().create(file)) {
            out.write(ByteBuffer.allocate(seam() + 1));
            assertThat(storage().readAll(file)).asString().isEqualTo("old");
        }
        assertThat(storage().readAll(file)).asString().isEqualTo("old");
        storage().replace(file, "new".getBytes(StandardCharsets.UTF_8));
        assertThat(storage().readAll(file)).asString().isEqualTo("new");
        assertThat(storage().children(root())).containsExactly("manifest.json");
    }

    @Test
    void shouldRefuseToWriteAfterCommit() throws IOException {
        try (WritableFile out = storage().create(root().resolve("file"))) {
            out.write(bytes("a"));
            out.commit();
            assertThatThrownBy(() -> out.write(bytes("b"))).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(out::commit).isInstanceOf(IllegalStateException.class);
        }
        assertThat(storage().readAll(root().resolve("file"))).asString().isEqualTo("a");
    }

    /// Pieces of any size written, ranges of any place read, whatever size the implementation works in.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void shouldReadAnyRangeOfWhatWasWritten(long seed) throws IOException {
        var random = new Random(seed);
        int size = switch ((int) seed) {
            case 1 -> 0;
            case 2 -> 1;
            case 3 -> seam();
            case 4 -> 2 * seam();
            default -> seam() + random.nextInt(3 * seam());
        };
        byte[] content = new byte[size];
        random.nextBytes(content);
        StoragePath file = root().resolve("of " + size + " bytes");
        write(file, content, random);
        try (ReadableFile in = storage().open(file)) {
            assertThat(in.size()).isEqualTo(size);
            for (int i = 0; i < 8; i++) {
                int offset = random.nextInt(size + 1);
                checkRange(in, content, offset, random.nextInt(size - offset + 1), random);
                if (i == 4) { in.forget(); }
            }
            checkRange(in, content, 0, size, random);
        }
    }

    private void write(StoragePath file, byte[] content, Random random) throws IOException {
        try (WritableFile out = storage().create(file)) {
            for (int at = 0; at < content.length;) {
                int n = Math.min(content.length - at, 1 + random.nextInt(seam()));
                ByteBuffer piece = random.nextBoolean() ? ByteBuffer.wrap(content, at, n) : ByteBuffer.allocateDirect(n).put(content, at, n).flip();
                out.write(piece);
                assertThat(piece.hasRemaining()).isFalse();
                // The buffer is the caller's again.
                if (piece.isDirect()) { piece.clear().put(new byte[n]); }
                at += n;
            }
            out.commit();
        }
    }

    private static void checkRange(ReadableFile in, byte[] content, int offset, int length, Random random) throws IOException {
        ByteBuffer into = random.nextBoolean() ? ByteBuffer.allocate(length + 10) : ByteBuffer.allocateDirect(length + 10);
        into.position(5).limit(5 + length);
        in.read(offset, into);
        assertThat(into.hasRemaining()).isFalse();
        assertThat(into.position(5)).as("%d bytes at %d", length, offset).isEqualTo(ByteBuffer.wrap(content, offset, length));
    }

    @Test
    void shouldReadFromSeveralThreads() throws Exception {
        byte[] content = new byte[2 * seam()];
        new Random(7).nextBytes(content);
        storage().replace(root().resolve("file"), content);
        var failures = new ConcurrentLinkedQueue<Throwable>();
        try (ReadableFile in = storage().open(root().resolve("file"))) {
            List<Thread> readers = java.util.stream.IntStream.range(0, 4).mapToObj(i -> Thread.ofVirtual().start(() -> {
                try {
                    var random = new Random(i);
                    for (int n = 0; n < 10; n++) { checkRange(in, content, i * seam() / 4, seam() + random.nextInt(seam() / 4), random); }
                } catch (IOException | AssertionError e) {
                    failures.add(e);
                }
            })).toList();
            for (Thread t : readers) { t.join(); }
        }
        assertThat(failures).isEmpty();
    }

    @Test
    void shouldSayThatFileEndsBeforeWhatIsAskedOf() throws IOException {
        StoragePath file = root().resolve("short");
        storage().replace(file, new byte[10]);
        try (ReadableFile in = storage().open(file)) {
            assertThatThrownBy(() -> in.read(8, ByteBuffer.allocate(4))).isInstanceOf(EOFException.class)
                    .hasMessage("%s ends at byte 10, before byte 12", file);
            assertThatThrownBy(() -> in.read(20, ByteBuffer.allocate(4))).isInstanceOf(EOFException.class)
                    .hasMessage("%s ends at byte 10, before byte 24", file);
        }
    }

    @Test
    void shouldListFilesAndDirectoriesSorted() throws IOException {
        for (String name : List.of("b", "a/x/y", "a/z", "c b", "a.json")) { storage().replace(root().resolve(name), new byte[3]); }
        assertThat(storage().children(root())).containsExactly("a", "a.json", "b", "c b");
        assertThat(storage().children(root().resolve("a"))).containsExactly("x", "z");
        assertThat(storage().children(root().resolve("none"))).isEmpty();
        assertThat(storage().children(root().resolve("b/below a file"))).isEmpty();
        assertThat(storage().sizes(root())).containsExactly(Map.entry("a.json", 3L), Map.entry("b", 3L), Map.entry("c b", 3L));
        assertThat(storage().sizes(root().resolve("none"))).isEmpty();
        assertThat(storage().size(root().resolve("a"))).isEmpty();
        assertThat(storage().size(root().resolve("b/below a file"))).isEmpty();
    }

    @Test
    void shouldDeleteFilesAndTreesAndNothingBeside() throws IOException {
        for (String name : List.of("step-1/model/a", "step-1/b", "step-10/b", "c")) { storage().replace(root().resolve(name), new byte[3]); }
        storage().deleteTree(root().resolve("step-1"));
        assertThat(storage().children(root())).containsExactly("c", "step-10");
        storage().delete(root().resolve("c"));
        assertThat(storage().children(root())).containsExactly("step-10");
        storage().delete(root().resolve("c"));
        storage().deleteTree(root().resolve("step-1"));
        assertThat(storage().readAll(root().resolve("step-10/b"))).hasSize(3);
    }

    @Test
    void shouldDeleteUnfinishedFilesWithTheirTree() throws IOException {
        WritableFile abandoned = storage().create(root().resolve("step-1/a"));
        abandoned.write(ByteBuffer.allocate(seam() + 1));
        storage().deleteTree(root().resolve("step-1"));
        assertThat(storage().children(root())).isEmpty();
        abandoned.close();
        assertThat(storage().children(root())).isEmpty();
    }

    @Test
    void shouldSayThatFileIsMissing() {
        StoragePath file = root().resolve("none");
        assertThatThrownBy(() -> storage().readAll(file)).isInstanceOf(FileNotFoundException.class)
                .hasMessage("no such file or directory: " + file);
    }

    @Test
    void shouldKnowFreeBytesOrSayThatThereIsNoSuchNumber() throws IOException {
        OptionalLong free = storage().freeBytes(root().resolve("not/yet/there"));
        if (root().isLocal()) {
            assertThat(free.orElseThrow()).isPositive();
        } else {
            assertThat(free).isEmpty();
        }
        assertThat(storage().children(root())).isEmpty();
    }

    static ByteBuffer bytes(String text) {
        return StandardCharsets.UTF_8.encode(text);
    }
}
