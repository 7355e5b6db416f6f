package dev.kintsugi.storage;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;

/// The operating system's memory of files, on Linux.
final class PageCache {
    private static final int O_RDONLY = 0;
    private static final int O_CLOEXEC = 0x80000;
    private static final int POSIX_FADV_DONTNEED = 4;
    private static final int SYNC_FILE_RANGE_WRITE = 2;
    private static final int NO_FILE = -1;
    private static final Linker LINKER = Linker.nativeLinker();
    private static final boolean LINUX = System.getProperty("os.name").equals("Linux");

    private PageCache() {}

    /// `open` takes a variable number of arguments.
    private static final Optional<MethodHandle> OPEN = find("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), Linker.Option.firstVariadicArg(2));
    private static final Optional<MethodHandle> ADVISE = find("posix_fadvise", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final Optional<MethodHandle> SYNC_RANGE = find("sync_file_range",
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final Optional<MethodHandle> CLOSE = find("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    private static Optional<MethodHandle> find(String function, FunctionDescriptor type, Linker.Option... options) {
        if (!LINUX) { return Optional.empty(); }
        return LINKER.defaultLookup().find(function).map(address -> LINKER.downcallHandle(address, type, options));
    }

    /// Drops the pages of a file that have reached the medium; does nothing where that cannot be asked for.
    static void drop(Path path) {
        try (File file = File.open(path)) { file.drop(); }
    }

    /// A file whose pages are asked for. Where nothing can be asked, or the file is not there, asking does nothing.
    record File(int fd) implements AutoCloseable {
        static File open(Path path) {
            if (OPEN.isEmpty() || CLOSE.isEmpty()) { return new File(NO_FILE); }
            try (Arena call = Arena.ofConfined()) {
                MemorySegment name = call.allocateFrom(path.toString());
                return new File(ask(() -> (int) OPEN.get().invokeExact(name, O_RDONLY | O_CLOEXEC)));
            }
        }

        /// Those that have reached the medium.
        void drop() {
            if (fd >= 0 && ADVISE.isPresent()) { int _ = ask(() -> (int) ADVISE.get().invokeExact(fd, 0L, 0L, POSIX_FADV_DONTNEED)); }
        }

        /// Begins to write changed pages to the medium, and does not wait for it.
        ///
        /// @see <a href="https://www.man7.org/linux/man-pages/man2/sync_file_range.2.html">sync_file_range(2)</a>
        void startWriting(long offset, long bytes) {
            if (fd >= 0 && SYNC_RANGE.isPresent()) { int _ = ask(() -> (int) SYNC_RANGE.get().invokeExact(fd, offset, bytes, SYNC_FILE_RANGE_WRITE)); }
        }

        @Override
        public void close() {
            if (fd >= 0) { int _ = ask(() -> (int) CLOSE.get().invokeExact(fd)); }
        }
    }

    /// Calls of handles are declared to throw anything.
    private interface Call {
        int run() throws Throwable;
    }

    private static int ask(Call call) {
        try {
            return call.run();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("functions of the C library throw nothing", e);
        }
    }
}
