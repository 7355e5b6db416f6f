package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsFile;
import dev.kintsugi.worker.checkpoint.safetensors.TensorEntry;
import dev.kintsugi.worker.failure.CallerException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a shard file says of where its tensors lie in the whole ones: the `DCP_SHARDING_INFO` that `torch.distributed.checkpoint` writes into its
/// metadata, `{tensor: {"saved_offsets": [row, column ...]}}`.
final class ShardingInfo {
    private static final String KEY = "DCP_SHARDING_INFO";
    private static final JsonMapper JSON = new JsonMapper();

    private final SafetensorsFile file;
    private final JsonNode offsets;

    private ShardingInfo(SafetensorsFile file, JsonNode offsets) {
        this.file = file;
        this.offsets = offsets;
    }

    /// @throws CallerException if the file says nothing of that kind
    static ShardingInfo of(SafetensorsFile file) {
        String text = file.header().metadata().get(KEY);
        if (text == null) {
            throw new CallerException("%s has no %s in its metadata, so nobody knows where its rows belong; save the checkpoint again"
                    .formatted(file.path(), KEY));
        }
        try {
            return new ShardingInfo(file, JSON.readTree(text));
        } catch (JacksonException e) {
            throw new CallerException("%s: %s is not valid JSON (%s); copy the file again".formatted(file.path(), KEY, e.getOriginalMessage()), e);
        }
    }

    /// @throws CallerException if the tensor is cut otherwise than by rows
    StoredTensor.Piece place(TensorEntry t) {
        List<Long> at = offsets(t);
        if (at.stream().skip(1).anyMatch(o -> o != 0)) {
            throw new CallerException(("%s: tensor '%s' is cut along another dimension than the first (saved_offsets=%s), which is not read; join the "
                    + "files first with torch.distributed.checkpoint's consolidate_safetensors_files").formatted(file.path(), t.name(), at));
        }
        return new StoredTensor.Piece(file, t, at.isEmpty() ? 0 : at.getFirst());
    }

    private List<Long> offsets(TensorEntry t) {
        JsonNode node = offsets.path(t.name()).path("saved_offsets");
        var at = new ArrayList<Long>();
        node.forEach(n -> at.add(n.asLong(-1)));
        if (!node.isArray() || at.size() != t.shape().size() || at.stream().anyMatch(o -> o < 0)) {
            throw new CallerException("%s: %s has saved_offsets=%s for tensor '%s' of shape %s; save the checkpoint again".formatted(file.path(), KEY, node,
                    t.name(), t.shape()));
        }
        return at;
    }
}
