package dev.kintsugi.storage;

/// The one [Storage] of each kind that a process has.
public final class Storages {
    private static final Storage POSIX = new PosixStorage();

    private Storages() {}

    /// Shared by all callers, who never close it.
    ///
    /// @throws IllegalArgumentException if the path is on storage that this process cannot reach
    public static Storage of(StoragePath path) {
        if (!path.isLocal()) { throw new IllegalArgumentException("%s is not a path; give a directory that all hosts share".formatted(path)); }
        return POSIX;
    }
}
