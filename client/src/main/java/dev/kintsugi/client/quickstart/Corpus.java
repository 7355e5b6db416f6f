package dev.kintsugi.client.quickstart;

import dev.kintsugi.client.report.Quantities;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/// Real text that is already there: the Java sources that every full JDK brings in `lib/src.zip`, or else an English text of ours.
///
/// @param description of what it is, for people
/// @param prompt what a sample of the trained model may begin with
record Corpus(String description, String prompt) {
    private static final String PACKAGES = "java.base/java/";
    /// Small files: many of them, soon read, and not a few giants for half of the text.
    private static final long LARGEST_FILE_BYTES = 16 << 10;
    private static final long MOST_BYTES = 20 << 20;

    /// Writes one file a document under `directory`.
    static Corpus extract(Path javaHome, Path directory) throws IOException {
        Path sources = javaHome.resolve("lib").resolve("src.zip");
        return Files.isReadable(sources) ? java(sources, directory) : english(directory);
    }

    private static Corpus java(Path sources, Path directory) throws IOException {
        long bytes = 0;
        int files = 0;
        try (ZipFile zip = new ZipFile(sources.toFile())) {
            for (Enumeration<? extends ZipEntry> entries = zip.entries(); entries.hasMoreElements() && bytes < MOST_BYTES;) {
                ZipEntry entry = entries.nextElement();
                if (!isWanted(entry)) { continue; }
                Path file = directory.resolve(entry.getName()).normalize();
                if (!file.startsWith(directory)) { continue; }
                Files.createDirectories(file.getParent());
                try (InputStream in = zip.getInputStream(entry)) {
                    bytes += Files.copy(in, file);
                }
                files++;
            }
        }
        return new Corpus("%d Java files, %s, from %s".formatted(files, Quantities.bytes(bytes), sources), "public final class ");
    }

    private static boolean isWanted(ZipEntry entry) {
        String name = entry.getName();
        return name.startsWith(PACKAGES) && name.endsWith(".java") && !name.endsWith("package-info.java")
                && entry.getSize() <= LARGEST_FILE_BYTES;
    }

    private static Corpus english(Path directory) throws IOException {
        Path file = directory.resolve("english.txt");
        Files.createDirectories(directory);
        Resources.copy("english.txt", file);
        return new Corpus("the New Testament in English, %s (this Java has no lib/src.zip)".formatted(Quantities.bytes(Files.size(file))),
                "And he said unto them, ");
    }
}
