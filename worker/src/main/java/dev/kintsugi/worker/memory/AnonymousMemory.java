package dev.kintsugi.worker.memory;

import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/// Large pieces of zeroed memory, straight from the operating system and in huge pages where it has some: an allocation the usual way is written twice
/// over, once by the system and once by the JVM, and costs a page fault for each 4 KiB, which together take seconds for a few GB.
///
/// @see <a href="https://www.man7.org/linux/man-pages/man2/madvise.2.html">madvise(2)</a>
public final class AnonymousMemory {
    private static final long LINE = 64;
    private static final long PAGE = 4096;
    private static final long HUGE_PAGE = 2 << 20;
    private static final int READ_WRITE = 3;
    private static final int PRIVATE_ANONYMOUS = 0x22;
    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_POPULATE_WRITE = 23;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

    private AnonymousMemory() {}

    /// Zeroed, aligned to a page, and there: touching it later faults no page. Ends with `arena`. The usual allocation on systems other than Linux on
    /// x86 and Arm.
    public static MemorySegment allocate(Arena arena, long bytes) {
        if (bytes < HUGE_PAGE || !System.getProperty("os.name").equals("Linux")) { return arena.allocate(bytes, PAGE); }
        long mapped = Math.ceilDiv(bytes, PAGE) * PAGE;
        try {
            var address = (long) call("mmap", FunctionDescriptor.of(LONG, LONG, LONG, INT, INT, INT, LONG)).invokeExact(0L, mapped, READ_WRITE,
                    PRIVATE_ANONYMOUS, -1, 0L);
            if (address == -1) { throw new OutOfMemoryError("no %,d bytes of memory for tensors; use more ranks or a smaller model".formatted(mapped)); }
            MemorySegment memory = MemorySegment.ofAddress(address).reinterpret(mapped, arena, m -> unmap(m.address(), mapped));
            MethodHandle madvise = call("madvise", FunctionDescriptor.of(INT, LONG, LONG, INT));
            int huge = (int) madvise.invokeExact(address, mapped, MADV_HUGEPAGE);
            int populated = (int) madvise.invokeExact(address, mapped, MADV_POPULATE_WRITE);
            if (huge != 0 || populated != 0) { touch(memory); }     // a kernel without one of them
            return memory.asSlice(0, bytes);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("these functions throw nothing", e);
        }
    }

    /// One allocation, cut into a segment a unit, each aligned to a cache line.
    ///
    /// @param bytes of a unit's segment
    public static List<MemorySegment> perUnit(Arena arena, ShardPlan plan, ToLongFunction<UnitPlan> bytes) {
        MemorySegment all = allocate(arena, plan.units().stream().mapToLong(u -> aligned(bytes.applyAsLong(u))).sum());
        var segments = new ArrayList<MemorySegment>();
        long at = 0;
        for (UnitPlan u : plan.units()) {
            segments.add(all.asSlice(at, bytes.applyAsLong(u)));
            at += aligned(bytes.applyAsLong(u));
        }
        return segments;
    }

    private static long aligned(long bytes) {
        return Math.ceilDiv(bytes, LINE) * LINE;
    }

    private static MethodHandle call(String name, FunctionDescriptor signature) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), signature);
    }

    private static void touch(MemorySegment memory) {
        for (long at = 0; at < memory.byteSize(); at += PAGE) { memory.set(ValueLayout.JAVA_BYTE, at, (byte) 0); }
    }

    private static void unmap(long address, long bytes) {
        try {
            int status = (int) call("munmap", FunctionDescriptor.of(INT, LONG, LONG)).invokeExact(address, bytes);
            if (status != 0) { throw new AssertionError("munmap(%x, %d) failed".formatted(address, bytes)); }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("munmap throws nothing", e);
        }
    }
}
