package dev.kintsugi.worker.kernel.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/// The part of oneDNN's C API (`dnnl.h`, version 3) that matrix products need, one method a function. Handles are the library's
/// pointers; who creates one destroys it.
///
/// @see <a href="https://uxlfoundation.github.io/oneDNN/">oneDNN's documentation</a>
final class OneDnn {
    private static final int KIND_CPU = 1;
    private static final int IN_ORDER = 1;
    private static final int BF16 = 2;
    private static final int F32 = 3;
    private static final int TYPE_OF_OUTPUT = 0;
    private static final int SCRATCHPAD_USER = 1;
    private static final int QUERY_IMPLEMENTATION = 8;
    private static final int QUERY_SCRATCHPAD = 136;
    private static final FunctionDescriptor FREE = FunctionDescriptor.of(JAVA_INT, ADDRESS);

    private final Linker linker = Linker.nativeLinker();
    private final SymbolLookup symbols;
    private final MethodHandle memoryDescCreate;
    private final MethodHandle memoryDescDestroy;
    private final MethodHandle memoryDescSize;
    private final MethodHandle memoryCreate;
    private final MethodHandle memoryDestroy;
    private final MethodHandle memorySetHandle;
    private final MethodHandle attrCreate;
    private final MethodHandle attrDestroy;
    private final MethodHandle attrSetScratchpad;
    private final MethodHandle attrSetPostOps;
    private final MethodHandle postOpsCreate;
    private final MethodHandle postOpsDestroy;
    private final MethodHandle postOpsAppendSum;
    private final MethodHandle matmulDescCreate;
    private final MethodHandle descQuery;
    private final MethodHandle descQueryMemory;
    private final MethodHandle descDestroy;
    private final MethodHandle primitiveCreate;
    private final MethodHandle primitiveDestroy;
    private final MethodHandle primitiveExecute;
    private final MethodHandle streamWait;
    private final MethodHandle setThreads;
    private final MemorySegment engine;
    private final MemorySegment stream;

    /// Loads the library for the life of the process.
    ///
    /// @throws IllegalArgumentException if it cannot be loaded
    OneDnn(Path library) {
        symbols = SymbolLookup.libraryLookup(library, Arena.global());
        memoryDescCreate = bind("dnnl_memory_desc_create_with_strides", ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
        memoryDescDestroy = bind("dnnl_memory_desc_destroy", FREE);
        memoryDescSize = bind("dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, ADDRESS));
        memoryCreate = bind("dnnl_memory_create", ADDRESS, ADDRESS, ADDRESS, ADDRESS);
        memoryDestroy = bind("dnnl_memory_destroy", FREE);
        memorySetHandle = bind("dnnl_memory_set_data_handle", ADDRESS, JAVA_LONG);
        attrCreate = bind("dnnl_primitive_attr_create", ADDRESS);
        attrDestroy = bind("dnnl_primitive_attr_destroy", FREE);
        attrSetScratchpad = bind("dnnl_primitive_attr_set_scratchpad_mode", ADDRESS, JAVA_INT);
        attrSetPostOps = bind("dnnl_primitive_attr_set_post_ops", ADDRESS, ADDRESS);
        postOpsCreate = bind("dnnl_post_ops_create", ADDRESS);
        postOpsDestroy = bind("dnnl_post_ops_destroy", FREE);
        postOpsAppendSum = bind("dnnl_post_ops_append_sum", ADDRESS, JAVA_FLOAT, JAVA_INT, JAVA_INT);
        matmulDescCreate = bind("dnnl_matmul_primitive_desc_create", ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
        descQuery = bind("dnnl_primitive_desc_query", ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
        descQueryMemory = bind("dnnl_primitive_desc_query_md", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_INT));
        descDestroy = bind("dnnl_primitive_desc_destroy", FREE);
        primitiveCreate = bind("dnnl_primitive_create", ADDRESS, ADDRESS);
        primitiveDestroy = bind("dnnl_primitive_destroy", FREE);
        primitiveExecute = bind("dnnl_primitive_execute", ADDRESS, ADDRESS, JAVA_INT, ADDRESS);
        streamWait = bind("dnnl_stream_wait", ADDRESS);
        setThreads = bind("omp_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));
        useOneThread();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            check("dnnl_engine_create", bind("dnnl_engine_create", ADDRESS, JAVA_INT, JAVA_LONG), out, KIND_CPU, 0L);
            engine = out.get(ADDRESS, 0);
            check("dnnl_stream_create", bind("dnnl_stream_create", ADDRESS, ADDRESS, JAVA_INT), out, engine, IN_ORDER);
            stream = out.get(ADDRESS, 0);
        }
    }

    private MethodHandle bind(String function, MemoryLayout... arguments) {
        return bind(function, FunctionDescriptor.of(JAVA_INT, arguments));
    }

    private MethodHandle bind(String function, FunctionDescriptor descriptor) {
        MemorySegment address = symbols.find(function)
                .orElseThrow(() -> new IllegalArgumentException("oneDNN has no function " + function));
        return linker.downcallHandle(address, descriptor);
    }

    /// Such as `3.11.0`.
    String version() {
        MemorySegment version = (MemorySegment) call(bind("dnnl_version", FunctionDescriptor.of(ADDRESS)));
        MemorySegment numbers = version.reinterpret(12);
        return numbers.getAtIndex(JAVA_INT, 0) + "." + numbers.getAtIndex(JAVA_INT, 1) + "." + numbers.getAtIndex(JAVA_INT, 2);
    }

    /// One OpenMP thread for products made and run by the calling thread: how many threads share a product decides its bits.
    void useOneThread() {
        call(setThreads, 1);
    }

    MemorySegment matrixDesc(long rows, long columns, long rowStride, long columnStride, boolean bf16) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            MemorySegment dims = arena.allocateFrom(JAVA_LONG, rows, columns);
            MemorySegment strides = arena.allocateFrom(JAVA_LONG, rowStride, columnStride);
            check("dnnl_memory_desc_create_with_strides", memoryDescCreate, out, 2, dims, bf16 ? BF16 : F32, strides);
            return out.get(ADDRESS, 0);
        }
    }

    void destroyMatrixDesc(MemorySegment desc) {
        check("dnnl_memory_desc_destroy", memoryDescDestroy, desc);
    }

    /// A matmul whose scratchpad is the caller's; it adds to its output when `accumulate`.
    MemorySegment matmulDesc(MemorySegment a, MemorySegment b, MemorySegment c, boolean accumulate) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            check("dnnl_primitive_attr_create", attrCreate, out);
            MemorySegment attr = out.get(ADDRESS, 0);
            check("dnnl_primitive_attr_set_scratchpad_mode", attrSetScratchpad, attr, SCRATCHPAD_USER);
            if (accumulate) { appendSum(attr, out); }
            check("dnnl_matmul_primitive_desc_create", matmulDescCreate, out, engine, a, b, MemorySegment.NULL, c, attr);
            check("dnnl_primitive_attr_destroy", attrDestroy, attr);
            return out.get(ADDRESS, 0);
        }
    }

    private void appendSum(MemorySegment attr, MemorySegment out) {
        check("dnnl_post_ops_create", postOpsCreate, out);
        MemorySegment postOps = out.get(ADDRESS, 0);
        check("dnnl_post_ops_append_sum", postOpsAppendSum, postOps, 1f, 0, TYPE_OF_OUTPUT);
        check("dnnl_primitive_attr_set_post_ops", attrSetPostOps, attr, postOps);
        check("dnnl_post_ops_destroy", postOpsDestroy, postOps);
    }

    /// The library's name for the code that runs it, such as `brg_matmul:avx512_core`.
    String implementation(MemorySegment desc) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            check("dnnl_primitive_desc_query", descQuery, desc, QUERY_IMPLEMENTATION, 0, out);
            return out.get(ADDRESS, 0).reinterpret(256).getString(0);
        }
    }

    /// Borrowed from `desc`.
    MemorySegment scratchpadDesc(MemorySegment desc) {
        return (MemorySegment) call(descQueryMemory, desc, QUERY_SCRATCHPAD, 0);
    }

    long sizeBytes(MemorySegment memoryDesc) {
        return (long) call(memoryDescSize, memoryDesc);
    }

    void destroyDesc(MemorySegment desc) {
        check("dnnl_primitive_desc_destroy", descDestroy, desc);
    }

    /// A memory object without memory; see [#setHandle].
    MemorySegment memory(MemorySegment memoryDesc) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            check("dnnl_memory_create", memoryCreate, out, memoryDesc, engine, MemorySegment.NULL);
            return out.get(ADDRESS, 0);
        }
    }

    void destroyMemory(MemorySegment memory) {
        check("dnnl_memory_destroy", memoryDestroy, memory);
    }

    MemorySegment primitive(MemorySegment desc) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            check("dnnl_primitive_create", primitiveCreate, out, desc);
            return out.get(ADDRESS, 0);
        }
    }

    void destroyPrimitive(MemorySegment primitive) {
        check("dnnl_primitive_destroy", primitiveDestroy, primitive);
    }

    void setHandle(MemorySegment memory, long address) {
        try {
            checkStatus("dnnl_memory_set_data_handle", (int) memorySetHandle.invokeExact(memory, address));
        } catch (Throwable t) {
            throw failed(t);
        }
    }

    /// Complete when it returns.
    ///
    /// @param arguments `count` pairs of (int argument, memory), 16 bytes each
    void execute(MemorySegment primitive, int count, MemorySegment arguments) {
        try {
            checkStatus("dnnl_primitive_execute", (int) primitiveExecute.invokeExact(primitive, stream, count, arguments));
            checkStatus("dnnl_stream_wait", (int) streamWait.invokeExact(stream));
        } catch (Throwable t) {
            throw failed(t);
        }
    }

    private static void check(String function, MethodHandle handle, Object... arguments) {
        checkStatus(function, (int) call(handle, arguments));
    }

    private static Object call(MethodHandle handle, Object... arguments) {
        try {
            return handle.invokeWithArguments(arguments);
        } catch (Throwable t) {
            throw failed(t);
        }
    }

    /// The statuses of `dnnl_status_t`: 1 out of memory, 2 invalid arguments, 3 unimplemented, 5 runtime error.
    private static void checkStatus(String function, int status) {
        if (status != 0) { throw new AssertionError("oneDNN: %s returned status=%d".formatted(function, status)); }
    }

    private static Error failed(Throwable t) {
        return t instanceof Error e ? e : new AssertionError("oneDNN call failed", t);
    }
}
