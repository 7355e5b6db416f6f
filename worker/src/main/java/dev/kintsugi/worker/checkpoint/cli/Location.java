package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.storage.StoragePath;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// A path of this host, relative ones included, or `s3://bucket/prefix`.
final class Location implements ITypeConverter<StoragePath> {
    @Override
    public StoragePath convert(String text) {
        try {
            return text.contains("://") ? StoragePath.of(text) : StoragePath.of(Path.of(text));
        } catch (InvalidPathException e) {
            throw new TypeConversionException("'%s' is not a path (%s)".formatted(text, e.getReason()));
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }
}
