package dev.kintsugi.worker.checkpoint.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter.Planned;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsRoundTripTest {
    @TempDir
    Path directory;

    @Test
    void shouldReadBackWhatItWrote() throws Exception {
        Path path = directory.resolve("a.safetensors");
        List<Planned> planned = List.of(new Planned("z", List.of(2L, 3L)), new Planned("a", List.of(1L)));
        MemorySegment body = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5, 6, 7);
        try (var writer = SafetensorsWriter.create(path, planned, Map.of("format", "pt", "note", "\"金継ぎ\""))) {
            writer.write(body.asSlice(0, 12));
            assertThat(path).doesNotExist();
            writer.write(body.asSlice(12, 16));
            var written = writer.finish();
            byte[] bytes = Files.readAllBytes(path);
            assertThat(written.bytes()).isEqualTo(bytes.length);
            assertThat(written.sha256()).isEqualTo(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)));
        }
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.header().tensors().keySet()).containsExactly("z", "a");
            assertThat(file.header().metadata()).containsEntry("note", "\"金継ぎ\"");
            assertThat(ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN).getLong() % 8).isZero();
            float[] rows = new float[5];
            file.readF32("z", 1, 1, MemorySegment.ofArray(rows), 4);
            assertThat(rows).containsExactly(0, 4, 5, 6, 0);
            assertThatThrownBy(() -> file.readF32("z", 1, 2, MemorySegment.ofArray(rows), 0)).hasMessageContaining("'z' has 2 rows");
            assertThatThrownBy(() -> file.tensor("b")).isInstanceOf(CallerException.class).hasMessageContaining("has no tensor 'b'");
        }
        assertThat(directory.toFile().list()).containsExactly("a.safetensors");
    }

    @Test
    void shouldLeaveNothingWhenItIsNotFinished() throws Exception {
        Path path = directory.resolve("a.safetensors");
        try (var writer = SafetensorsWriter.create(path, List.of(new Planned("a", List.of(2L))), Map.of())) {
            writer.write(MemorySegment.ofArray(new byte[4]));
            assertThatThrownBy(writer::finish).isInstanceOf(AssertionError.class);
            assertThatThrownBy(() -> writer.write(MemorySegment.ofArray(new byte[8]))).isInstanceOf(AssertionError.class);
        }
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void shouldWriteAFileWithoutTensors() throws Exception {
        Path path = directory.resolve("a.safetensors");
        try (var writer = SafetensorsWriter.create(path, List.of(), Map.of("format", "pt"))) { writer.finish(); }
        try (var file = SafetensorsFile.open(path)) { assertThat(file.header().tensors()).isEmpty(); }
    }

    /// In pieces and with rows larger than one; rounded once, from what readF32 gives.
    @Test
    void shouldReadEveryFloatingTypeAsBf16() throws Exception {
        long columns = (1 << 20) + 3;
        for (ElementType type : List.of(ElementType.F32, ElementType.BF16, ElementType.F16, ElementType.F64)) {
            long bytes = 3 * columns * type.bytes();
            String header = "{\"w\":{\"dtype\":\"%s\",\"shape\":[3,%d],\"data_offsets\":[0,%d]}}".formatted(type, columns, bytes);
            Path path = write(header, numbers(type, 3 * columns));
            try (var file = SafetensorsFile.open(path); Arena arena = Arena.ofConfined()) {
                MemorySegment expected = arena.allocate(2 * columns * 4, 4);
                MemorySegment actual = arena.allocate(2 * columns * 2 + 6, 2);
                file.readF32("w", 1, 2, expected, 0);
                file.readBf16("w", 1, 2, actual, 4);
                for (long i = 0; i < 2 * columns; i++) {
                    if (Bf16.bits(expected.getAtIndex(ValueLayout.JAVA_FLOAT, i)) != actual.getAtIndex(ValueLayout.JAVA_SHORT, 2 + i)) {
                        fail("%s element %d: %s became %s", type, i, expected.getAtIndex(ValueLayout.JAVA_FLOAT, i), Bf16.get(actual, 2 + i));
                    }
                }
                assertThat(actual.getAtIndex(ValueLayout.JAVA_INT, 0)).isZero();
                assertThat(actual.get(ValueLayout.JAVA_SHORT, actual.byteSize() - 2)).isZero();
                assertThatThrownBy(() -> file.readBf16("w", 2, 2, actual, 0)).hasMessageContaining("'w' has 3 rows");
            }
        }
    }

    private static byte[] numbers(ElementType type, long count) {
        var random = new Random(1);
        ByteBuffer body = ByteBuffer.allocate((int) (count * type.bytes())).order(ByteOrder.LITTLE_ENDIAN);
        for (long i = 0; i < count; i++) {
            float x = random.nextFloat() - 0.5f;
            switch (type) {
                case F32 -> body.putFloat(x);
                case F64 -> body.putDouble(x);
                case F16 -> body.putShort(Float.floatToFloat16(x));
                default -> body.putShort(Bf16.bits(x));
            }
        }
        return body.array();
    }

    @Test
    void shouldConvertEveryFloatingTypeToF32() throws Exception {
        ByteBuffer body = ByteBuffer.allocate(40).order(ByteOrder.LITTLE_ENDIAN);
        body.putDouble(1 + 0x1p-25).putDouble(-1e300);
        body.putShort((short) 0x3c01).putShort((short) 0x8001).putShort((short) 0xfc00).putShort((short) 0x7bff);
        body.putShort((short) 0x3f81).putShort((short) 0x8001).putShort((short) 0xff80).putShort((short) 0x7f7f);
        body.putFloat(0.1f).putInt(7);
        Path path = write("""
                {"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"h":{"dtype":"F16","shape":[2,2],"data_offsets":[16,24]},
                 "b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"f":{"dtype":"F32","shape":[],"data_offsets":[32,36]},
                 "i":{"dtype":"I32","shape":[1],"data_offsets":[36,40]}}""", body.array());
        try (var file = SafetensorsFile.open(path)) {
            assertThat(read(file, "d", 2)).containsExactly(1f, Float.NEGATIVE_INFINITY);
            assertThat(read(file, "h", 4)).containsExactly(1 + 0x1p-10f, -0x1p-24f, Float.NEGATIVE_INFINITY, 65504f);
            assertThat(read(file, "b", 4)).containsExactly(1 + 0x1p-7f, Float.intBitsToFloat(0x80010000), Float.NEGATIVE_INFINITY,
                    Float.intBitsToFloat(0x7f7f0000));
            assertThat(read(file, "f", 1)).containsExactly(0.1f);
            assertThatThrownBy(() -> read(file, "i", 1)).isInstanceOf(CallerException.class)
                    .hasMessage("%s: tensor 'i' is I32; convert it to F32, F16, BF16 or F64", path);
        }
    }

    private static float[] read(SafetensorsFile file, String name, int numel) {
        float[] values = new float[numel];
        file.readF32(name, 0, file.tensor(name).rows(), MemorySegment.ofArray(values), 0);
        return values;
    }

    private Path write(String header, byte[] body) throws Exception {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(8 + json.length + body.length).order(ByteOrder.LITTLE_ENDIAN);
        Path path = directory.resolve("types.safetensors");
        Files.write(path, file.putLong(json.length).put(json).put(body).array());
        return path;
    }
}
