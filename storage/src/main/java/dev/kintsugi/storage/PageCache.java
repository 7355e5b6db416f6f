package dev.kintsugi.storage;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;

/// The operating system's memory of files, on Linux.
final class PageCache {
    private static final int O_RDONLY = 0;
    private static final int O_CLOEXEC = 0x80000;
    private static final int POSIX_FADV_DONTNEED = 4;
    private static final Linker LINKER = Linker.nativeLinker();
    private static final boolean LINUX = System.getProperty("os.name").equals("Linux");

    private PageCache() {}

    /// `open` takes a variable number of arguments.
    private static final Optional<MethodHandle> OPEN = find("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), Linker.Option.firstVariadicArg(2));
    private static final Optional<MethodHandle> ADVISE = find("posix_fadvise", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final Optional<MethodHandle> CLOSE = find("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    private static Optional<MethodHandle> find(String function, FunctionDescriptor type, Linker.Option... options) {
        if (!LINUX) { return Optional.empty(); }
        return LINKER.defaultLookup().find(function).map(address -> LINKER.downcallHandle(address, type, options));
    }

    /// Drops the pages of a file that have reached the medium; does nothing where that cannot be asked for.
    static void drop(Path file) {
        if (OPEN.isEmpty() || ADVISE.isEmpty() || CLOSE.isEmpty()) { return; }
        try (Arena call = Arena.ofConfined()) {
            int fd = (int) OPEN.get().invokeExact(call.allocateFrom(file.toString()), O_RDONLY | O_CLOEXEC);
            if (fd < 0) { return; }
            int _ = (int) ADVISE.get().invokeExact(fd, 0L, 0L, POSIX_FADV_DONTNEED);
            int _ = (int) CLOSE.get().invokeExact(fd);
        } catch (Throwable e) {
            throw new AssertionError("a call of the C library threw", e);
        }
    }
}
