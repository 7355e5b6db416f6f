package dev.kintsugi.client.quickstart;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/// The files that come with the quickstart, beside this class.
final class Resources {
    private Resources() {
    }

    static void copy(String name, Path to) throws IOException {
        try (InputStream in = Resources.class.getResourceAsStream(name)) {
            if (in == null) { throw new FileNotFoundException(name + " is not in the client's jar"); }
            Files.copy(in, to);
        }
    }
}
