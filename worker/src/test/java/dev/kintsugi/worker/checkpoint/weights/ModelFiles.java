package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.memory.Bf16;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;

/// Directories of weights, made byte by byte, in all the ways that they come in.
public final class ModelFiles {
    /// Of elements in the files. MIXED: another one for each tensor in turn.
    public enum Type {
        F32, BF16, F16, MIXED
    }

    /// How tensors are put into files. SHARDS: each cut by rows at random, over four files, of which one may have none of it.
    public enum Layout {
        SINGLE, INDEX, SHARDS
    }

    /// A tensor of a file; `offsets` is where it begins in the whole one.
    public record Part(String name, String type, List<Long> shape, byte[] data, List<Long> offsets) {}

    private ModelFiles() {}

    /// @return by parameter, the numbers that are in the files
    public static Map<String, float[]> write(Path dir, ModelSpec model, Type type, Layout layout, long seed) throws IOException {
        var random = new Random(seed);
        var values = new HashMap<String, float[]>();
        int files = layout == Layout.SINGLE ? 1 : layout == Layout.INDEX ? 3 : 4;
        List<List<Part>> parts = new ArrayList<>();
        for (int f = 0; f < files; f++) { parts.add(new ArrayList<>()); }
        int turn = 0;
        for (ParameterSpec p : model.parameters()) {
            Type own = type == Type.MIXED ? Type.values()[turn % 3] : type;
            var numbers = new float[(int) p.numel()];
            byte[] data = random(numbers, own, random);
            values.put(p.name(), numbers);
            if (layout == Layout.SHARDS) {
                cut(p, own, data, parts, random);
            } else {
                parts.get(turn % files).add(new Part(p.name(), own.name(), p.shape(), data, null));
            }
            turn++;
        }
        writeFiles(dir, layout, parts);
        return values;
    }

    private static void writeFiles(Path dir, Layout layout, List<List<Part>> parts) throws IOException {
        Files.createDirectories(dir);
        var index = new ArrayList<String>();
        for (int f = 0; f < parts.size(); f++) {
            String name = switch (layout) {
                case SINGLE -> "model.safetensors";
                case INDEX -> "model-%05d-of-%05d.safetensors".formatted(f + 1, parts.size());
                case SHARDS -> "shard-%05d-model-00001-of-00001.safetensors".formatted(f + 1);
            };
            writeFile(dir.resolve(name), parts.get(f));
            for (Part p : parts.get(f)) { index.add("\"%s\": \"%s\"".formatted(p.name, name)); }
        }
        if (layout == Layout.INDEX) {
            Files.writeString(dir.resolve("model.safetensors.index.json"), "{\"weight_map\": {%s}}".formatted(String.join(", ", index)));
        }
    }

    private static byte[] random(float[] numbers, Type type, Random random) {
        ByteBuffer data = ByteBuffer.allocate(numbers.length * (type == Type.F32 ? 4 : 2)).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < numbers.length; i++) {
            float x = (float) random.nextGaussian();
            switch (type) {
                case F32 -> data.putFloat(x);
                case BF16 -> data.putShort(Bf16.bits(x));
                case F16 -> data.putShort(Float.floatToFloat16(x));
                case MIXED -> throw new AssertionError(type);
            }
            numbers[i] = switch (type) {
                case F32 -> x;
                case BF16 -> Float.intBitsToFloat(Bf16.bits(x) << 16);
                case F16 -> Float.float16ToFloat(Float.floatToFloat16(x));
                case MIXED -> throw new AssertionError(type);
            };
        }
        return data.array();
    }

    private static void cut(ParameterSpec p, Type type, byte[] data, List<List<Part>> files, Random random) {
        var ends = new ArrayList<Long>();
        for (int f = 1; f < files.size(); f++) { ends.add((long) random.nextInt((int) p.rows() + 1)); }
        ends.add(p.rows());
        Collections.sort(ends);
        long row = 0;
        int rowBytes = data.length / (int) p.rows();
        for (int f = 0; f < files.size(); f++) {
            long rows = ends.get(f) - row;
            var shape = new ArrayList<>(p.shape());
            shape.set(0, rows);
            var offsets = new ArrayList<>(Collections.nCopies(shape.size(), 0L));
            offsets.set(0, row);
            byte[] part = java.util.Arrays.copyOfRange(data, (int) row * rowBytes, (int) (row + rows) * rowBytes);
            if (rows > 0 || f == 1) { files.get(f).add(new Part(p.name(), type.name(), shape, part, offsets)); }
            row = ends.get(f);
        }
    }

    public static void writeFile(Path file, List<Part> parts) throws IOException {
        var body = new ByteArrayOutputStream();
        var entries = new ArrayList<String>();
        for (Part p : parts) {
            entries.add("\"%s\": {\"dtype\": \"%s\", \"shape\": %s, \"data_offsets\": [%d, %d]}".formatted(p.name, p.type, p.shape, body.size(),
                    body.size() + p.data.length));
            body.writeBytes(p.data);
        }
        String cuts = parts.stream().filter(p -> p.offsets != null).map(p -> "\\\"%s\\\": {\\\"saved_offsets\\\": %s}".formatted(p.name, p.offsets))
                .collect(Collectors.joining(", "));
        entries.add(cuts.isEmpty() ? "\"__metadata__\": {\"format\": \"pt\"}" : "\"__metadata__\": {\"DCP_SHARDING_INFO\": \"{%s}\"}".formatted(cuts));
        byte[] header = "{%s}".formatted(String.join(", ", entries)).getBytes(StandardCharsets.UTF_8);
        ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, header.length);
        var whole = new ByteArrayOutputStream();
        whole.writeBytes(length.array());
        whole.writeBytes(header);
        whole.writeBytes(body.toByteArray());
        Files.write(file, whole.toByteArray());
    }
}
