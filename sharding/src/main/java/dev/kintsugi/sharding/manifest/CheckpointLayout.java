package dev.kintsugi.sharding.manifest;

import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Names inside a checkpoint directory: `step-00000250/{manifest.json, verified.json, model/shard-..., optimizer/shard-...}`, and beside each
/// shard file its [ChunkDigests].
///
/// The shard names are those of `torch.distributed.checkpoint.HuggingFaceStorageWriter` with `save_distributed=True`: shards are
/// numbered from 1, so rank r writes shard r+1.
public final class CheckpointLayout {
    public static final String CHECKPOINTS = "checkpoints";
    public static final String MANIFEST = "manifest.json";
    /// What a manifest is renamed to when what it lists was found damaged: the checkpoint then does not exist for resume.
    public static final String DAMAGED_MANIFEST = "manifest.damaged.json";
    /// One sentence, beside a damaged manifest: what is wrong.
    public static final String DAMAGE = "damage.txt";
    /// Beside a manifest: when all of the checkpoint was read back from storage, and by which version.
    public static final String VERIFIED = "verified.json";
    /// With which the name of each checkpoint's directory begins.
    public static final String STEP_PREFIX = "step-";
    public static final String MODEL = "model";
    public static final String OPTIMIZER = "optimizer";

    private static final String DIGESTS = ".crc32c";
    private static final Pattern STEP = Pattern.compile("step-(\\d{8,18})");
    private static final Pattern SHARD = Pattern.compile("shard-(\\d{5,9})-model-00001-of-00001\\.safetensors(\\.crc32c)?");

    private CheckpointLayout() {}

    /// `step-00000250`
    public static String stepDirectory(long step) {
        return "step-%08d".formatted(step);
    }

    /// The step of a directory of this name, if it is a checkpoint's.
    public static OptionalLong step(String directoryName) {
        Matcher m = STEP.matcher(directoryName);
        return m.matches() ? OptionalLong.of(Long.parseLong(m.group(1))) : OptionalLong.empty();
    }

    /// The number, from 1, in the name of a shard file or of its digests, if it is one.
    public static OptionalLong shardNumber(String fileName) {
        Matcher m = SHARD.matcher(fileName);
        return m.matches() ? OptionalLong.of(Long.parseLong(m.group(1))) : OptionalLong.empty();
    }

    /// Path of a rank's weights, relative to the checkpoint directory.
    public static String modelFile(int rank) {
        return MODEL + "/" + shardFile(rank);
    }

    /// Path of a rank's optimizer state, relative to the checkpoint directory.
    public static String optimizerFile(int rank) {
        return OPTIMIZER + "/" + shardFile(rank);
    }

    /// The digests of a file's chunks, beside it.
    public static String digestsOf(String path) {
        return path + DIGESTS;
    }

    private static String shardFile(int rank) {
        String number = Integer.toString(rank + 1);        // Padded by hand: a coordinator names the files of ten thousand ranks.
        return "shard-" + "0".repeat(Math.max(0, 5 - number.length())) + number + "-model-00001-of-00001.safetensors";
    }
}
