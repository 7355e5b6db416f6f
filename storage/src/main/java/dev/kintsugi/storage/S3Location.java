package dev.kintsugi.storage;

/// An S3 address taken apart.
///
/// @param key empty: the bucket itself
record S3Location(StoragePath path, String bucket, String key) {
    static S3Location of(StoragePath path) {
        String rest = path.text().substring(StoragePath.S3.length());
        int slash = rest.indexOf('/');
        return slash < 0 ? new S3Location(path, rest, "") : new S3Location(path, rest.substring(0, slash), rest.substring(slash + 1));
    }

    /// Of the keys below this one.
    String prefix() {
        return key.isEmpty() ? "" : key + "/";
    }
}
