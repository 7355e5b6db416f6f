package dev.kintsugi.worker.kernel.cpu;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which matrix product this machine gets: oneDNN's where its artifact has a library that loads, ours elsewhere.
final class MatmulChoice {
    private static final Logger LOG = LoggerFactory.getLogger(MatmulChoice.class);

    private MatmulChoice() {}

    /// A new instance for one compute thread; the library itself is loaded, and its absence logged, once a process.
    static Matmul open() {
        return Library.ONE_DNN.<Matmul>map(OneDnnMatmul::new).orElseGet(VectorMatmul::new);
    }

    private static final class Library {
        static final Optional<OneDnn> ONE_DNN = load();

        private static Optional<OneDnn> load() {
            if (!OneDnnLibrary.isPresent()) { return without("it has no library for os=%s arch=%s"
                    .formatted(System.getProperty("os.name"), System.getProperty("os.arch"))); }
            Path cache = OneDnnLibrary.userCache();
            try {
                return Optional.of(new OneDnn(OneDnnLibrary.extract(cache)));
            } catch (IllegalArgumentException e) {       // no glibc, for one
                return without(e.getMessage());
            } catch (IOException e) {                    // passing, so not a reason to compute with other digits than one's peers
                throw new CallerException("cannot unpack oneDNN into %s (%s); make it writable, or set XDG_CACHE_HOME to a directory that is"
                        .formatted(cache, e), e);
            }
        }

        private static Optional<OneDnn> without(String reason) {
            LOG.warn("matrix products run in Java, several times slower, because oneDNN is not used: {}", reason);
            return Optional.empty();
        }
    }
}
