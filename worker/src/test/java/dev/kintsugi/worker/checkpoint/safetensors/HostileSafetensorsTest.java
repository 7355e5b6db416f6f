package dev.kintsugi.worker.checkpoint.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Files that lie. Each must end in one sentence that names the file, before anything of it is believed.
class HostileSafetensorsTest {
    private static final String GOOD = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";

    @TempDir
    Path directory;

    /// The body is 8 bytes long; `$` stands for dtype F32, `#` for "shape", `%` for "data_offsets".
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            { | : the safetensors header is not valid JSON (
            [] | : the safetensors header is not a JSON object
            {} x | : the safetensors header is not valid JSON (
            {} | : the header declares 0 bytes of tensors but 8 follow it
            {"w":7} | : tensor 'w' has dtype '', which is not a known one
            {"w":{"dtype":"F31",#:[2],%:[0,8]}} | : tensor 'w' has dtype 'F31', which is not a known one
            {"w":{$,%:[0,8]}} | : tensor 'w' has no array 'shape'
            {"w":{$,#:[2]}} | : tensor 'w' has no array 'data_offsets'
            {"w":{$,#:[-2],%:[0,8]}} | : tensor 'w' has shape=[-2]; expected whole numbers >= 0
            {"w":{$,#:[2.5],%:[0,8]}} | : tensor 'w' has shape=[2.5]; expected whole numbers
            {"w":{$,#:["2"],%:[0,8]}} | : tensor 'w' has shape=["2"]; expected whole numbers
            {"w":{$,#:[99999999999999999999],%:[0,8]}} | : tensor 'w' has shape=[99999999999999999999]; expected
            {"w":{$,#:[4294967296,4294967296],%:[0,0]}} | : tensor 'w' has data_offsets=[0, 0], 0 bytes, which is not
            {"w":{$,#:[4611686018427387905],%:[0,4]}} | : tensor 'w' has data_offsets=[0, 4], 4 bytes, which is not
            {"w":{$,#:[3],%:[0,8]}} | : tensor 'w' has data_offsets=[0, 8], 8 bytes, which is not what F32 [3]
            {"w":{$,#:[2],%:[8,0]}} | : tensor 'w' has data_offsets=[8, 0]; expected [begin, end]
            {"w":{$,#:[2],%:[0,4,8]}} | : tensor 'w' has data_offsets=[0, 4, 8]; expected [begin, end]
            {"w":{$,#:[2],%:[4,12]}} | : tensor 'w' starts at byte 4 of the body, after a hole
            {"w":{$,#:[3],%:[0,12]}} | : the header declares 12 bytes of tensors but 8 follow it, so the file is truncated
            {"a":{$,#:[1],%:[0,4]},"w":{$,#:[2],%:[0,8]}} | : tensor 'w' starts at byte 0 of the body, before
            {"a":{$,#:[0],%:[5,5]},"w":{$,#:[2],%:[0,8]}} | : tensor 'a' starts at byte 5 of the body, before
            {"w":{$,#:[1],%:[0,4]},"w":{$,#:[1],%:[4,8]}} | : the safetensors header is not valid JSON (Dup
            {"__metadata__":3,"w":{$,#:[2],%:[0,8]}} | : __metadata__ is not a JSON object
            {"__metadata__":{"a":1},"w":{$,#:[2],%:[0,8]}} | : __metadata__ entry 'a' is not a string
            """)
    void shouldRefuseAHeaderThatDoesNotHoldTogether(String header, String message) throws IOException {
        String json = header.replace("$", "\"dtype\":\"F32\"").replace("#", "\"shape\"").replace("%", "\"data_offsets\"");
        assertRefused(write(json.length(), json, 8), message);
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 100_000_001, 1000, 64})
    void shouldRefuseAHeaderLengthBeyondTheFile(long length) throws IOException {
        assertRefused(write(length, GOOD, 8), " says its header is " + Long.toUnsignedString(length) + " bytes long in a file of ");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7})
    void shouldRefuseAFileShorterThanALength(int bytes) throws IOException {
        Path path = directory.resolve("short.safetensors");
        Files.write(path, new byte[bytes]);
        assertRefused(path, " is %d bytes long, too short for a safetensors file".formatted(bytes));
    }

    @Test
    void shouldRefuseHeadersThatAreNotUtf8OrNestWithoutEnd() throws IOException {
        byte[] bytes = Files.readAllBytes(write(GOOD.length(), GOOD, 8));
        bytes[10] = (byte) 0xff;
        Path path = directory.resolve("latin.safetensors");
        Files.write(path, bytes);
        assertRefused(path, ": the safetensors header is not valid JSON (");
        String deep = "{\"w\":" + "[".repeat(100_000);
        assertRefused(write(deep.length(), deep, 8), ": the safetensors header is not valid JSON (");
    }

    @Test
    void shouldRefuseWhatIsNotAFile() {
        assertRefused(directory, " is a directory; expected a safetensors file");
        assertRefused(directory.resolve("none"), " does not exist; expected a safetensors file there");
    }

    /// Whatever bytes of a good file change or are cut off, opening it and reading it either works or is refused in one sentence.
    @Test
    void shouldSurviveRandomDamage() throws IOException {
        long seed = Long.getLong("test.seed", 11);
        var random = new Random(seed);
        byte[] good = Files.readAllBytes(write(GOOD.length(), GOOD, 8));
        Path path = directory.resolve("damaged.safetensors");
        int refused = 0;
        for (int i = 0; i < 400; i++) {
            byte[] bytes = Arrays.copyOf(good, good.length - random.nextInt(3) * random.nextInt(good.length / 2));
            for (int k = random.nextInt(3); k > 0; k--) { bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8)); }
            Files.write(path, bytes);
            try (SafetensorsFile file = SafetensorsFile.open(path); Arena arena = Arena.ofConfined()) {
                for (TensorEntry t : file.header().tensors().values()) {
                    if (t.type().isReadable()) { file.readF32(t.name(), 0, t.rows(), arena.allocate(8 * t.bytes()), 0); }
                }
            } catch (CallerException e) {
                refused++;
                assertThat(e.getMessage()).as("seed=%d i=%d", seed, i).startsWith(path.toString()).doesNotContain("\n");
            }
        }
        assertThat(refused).isBetween(100, 399);
    }

    private void assertRefused(Path path, String message) {
        assertThatThrownBy(() -> SafetensorsFile.open(path)).isInstanceOf(CallerException.class).hasMessageStartingWith(path + message);
    }

    private Path write(long length, String header, int bodyBytes) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(8 + json.length + bodyBytes).order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(json);
        Path path = directory.resolve("hostile.safetensors");
        Files.write(path, file.array());
        return path;
    }
}
