/// Where checkpoints lie: a POSIX directory or a prefix of an S3 bucket, behind one rule. A file is there whole or not at all, and once
/// it is there it is durable.
///
/// [Storages] picks the [Storage] for a [StoragePath]; [WritableFile] and [ReadableFile] are one open file. Bytes in, bytes out: what
/// they mean is the business of `sharding.manifest` and of the worker. Depends on no other module of ours. Start with [Storage].
package dev.kintsugi.storage;
