package dev.kintsugi.worker.kernel.cpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/// Where the native library of the `org.bytedeco:dnnl` artifact lies as files: a cache directory of the user, named by the
/// library's checksum, made once and then shared by all processes.
final class OneDnnLibrary {
    private static final String RESOURCES = "/org/bytedeco/dnnl/linux-x86_64/";
    private static final String LIBRARY = "libdnnl.so.3";
    /// libdnnl looks for libgomp in its own directory first.
    private static final List<String> FILES = List.of("libgomp.so.1", LIBRARY);

    private OneDnnLibrary() {}

    /// True where the artifact's library can run and is on the class path.
    static boolean isPresent() {
        return System.getProperty("os.name").equals("Linux") && System.getProperty("os.arch").equals("amd64")
                && OneDnnLibrary.class.getResource(RESOURCES + LIBRARY) != null;
    }

    /// @param cache the user's cache directory; made when missing
    /// @return the library's path, in a directory that also holds what it needs
    static Path extract(Path cache) throws IOException {
        Path directory = cache.resolve("onednn-" + version());
        if (!isComplete(directory)) { publish(directory); }
        return directory.resolve(LIBRARY);
    }

    /// `$XDG_CACHE_HOME/kintsugi` or `~/.cache/kintsugi`.
    static Path userCache() {
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path base = xdg != null && xdg.startsWith("/") ? Path.of(xdg) : Path.of(System.getProperty("user.home"), ".cache");
        return base.resolve("kintsugi");
    }

    private static String version() throws IOException {
        URL url = OneDnnLibrary.class.getResource(RESOURCES + LIBRARY);
        if (url.openConnection() instanceof JarURLConnection jar) {
            return "%08x".formatted(jar.getJarEntry().getCrc());
        }
        return Long.toString(sizeOf(LIBRARY));
    }

    private static long sizeOf(String file) {
        try {
            return OneDnnLibrary.class.getResource(RESOURCES + file).openConnection().getContentLengthLong();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isComplete(Path directory) throws IOException {
        for (String file : FILES) {
            Path path = directory.resolve(file);
            if (!Files.isRegularFile(path) || Files.size(path) != sizeOf(file)) { return false; }
        }
        return true;
    }

    /// Each file appears whole or not at all, so processes that start together may all do this.
    private static void publish(Path directory) throws IOException {
        Files.createDirectories(directory);
        for (String file : FILES) {
            Path part = Files.createTempFile(directory, file, ".part");
            try (var in = OneDnnLibrary.class.getResourceAsStream(RESOURCES + file)) {
                Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
                Files.move(part, directory.resolve(file), StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(part);
            }
        }
    }
}
