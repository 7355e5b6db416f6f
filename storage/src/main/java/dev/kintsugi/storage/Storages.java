package dev.kintsugi.storage;

/// The one [Storage] of each kind that a process has.
public final class Storages {
    /// Bytes of one request: large enough that the way to the server and back costs little, small enough for five of them in memory.
    private static final int S3_PART_BYTES = 8 << 20;
    /// Readers ask for 16 MiB at a time, which so is four requests at once.
    private static final int S3_RANGE_BYTES = 4 << 20;
    private static final Storage POSIX = new PosixStorage();

    /// Made when a path first asks for it: the SDK takes a second to load.
    private static final class S3 {
        private static final Storage SHARED = new S3Storage(S3Clients.builder(System.getenv()).build(), S3_PART_BYTES, S3_RANGE_BYTES);
    }

    private Storages() {}

    /// Shared by all callers, who never close it.
    public static Storage of(StoragePath path) {
        return path.isLocal() ? POSIX : S3.SHARED;
    }
}
