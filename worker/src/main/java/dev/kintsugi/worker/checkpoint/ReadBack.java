package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.ChunkDigests;
import dev.kintsugi.storage.ReadableFile;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.checkpoint.safetensors.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// Whether files that a rank has just written come back from the medium as they were written.
final class ReadBack {
    private ReadBack() {}

    /// @param files as the rank voted for them
    /// @return one sentence that names file and range; empty if all is well
    static String verify(Storage storage, StoragePath dir, int rank, List<ShardFile> files) {
        for (ShardFile f : files) {
            try {
                verify(storage, dir, f);
            } catch (IOException | IllegalArgumentException e) {
                return "rank %d reads %s back other than it was written: %s; check the storage, and the host's memory"
                        .formatted(rank, dir.resolve(f.getPath()), e instanceof IOException x ? StorageReason.of(x) : e.getMessage());
            }
        }
        return "";
    }

    private static void verify(Storage storage, StoragePath dir, ShardFile f) throws IOException {
        StoragePath digestsPath = dir.resolve(CheckpointLayout.digestsOf(f.getPath()));
        try (ReadableFile file = storage.open(digestsPath)) { file.forget(); }
        byte[] text = storage.readAll(digestsPath);
        String sha256 = Sha256.hex(MemorySegment.ofArray(text));
        if (!sha256.equals(f.getSha256())) {
            throw new IOException("its digests, %s, are not what was written: expected=sha256 %s actual=%s".formatted(digestsPath, f.getSha256(), sha256));
        }
        ChunkDigests digests = ChunkDigests.parse(new String(text, StandardCharsets.UTF_8));
        long bytes = storage.size(dir.resolve(f.getPath())).orElse(0);
        if (bytes != f.getBytes()) { throw new IOException("it has %d bytes, and %d were written".formatted(bytes, f.getBytes())); }
        try (var buffer = new ChunkBuffer(dir); CheckedFile file = CheckedFile.open(storage, dir.resolve(f.getPath()), digests, buffer)) {
            file.forgetCached();
            file.checkAll(_ -> {});
        }
    }
}
