package dev.kintsugi.worker.kernel.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map.Entry;

/// oneDNN primitives by layout and shape, made on first use. A training step has a fixed set; text generation meets new
/// lengths for ever, so the least recently used ones go. One thread.
final class MatmulCache {
    private static final int SRC = 1;
    private static final int DST = 17;
    private static final int WEIGHTS = 33;
    private static final int SCRATCHPAD = 80;
    private static final int ARGUMENT_BYTES = 16;

    /// What a product looks like, but for its addresses. See [Matmul#multiply].
    record Layout(Matmul.Types types, int m, int n, int k, long lda, boolean transA, long ldb, boolean transB, long ldc, boolean accumulate) {}

    /// A primitive and the memory objects that it runs on.
    ///
    /// @param arguments what `OneDnn#execute` takes: a, b, c, scratchpad
    record Product(MemorySegment primitive, MemorySegment a, MemorySegment b, MemorySegment c, MemorySegment scratchpad,
            long scratchpadBytes, MemorySegment arguments, Arena arena, String implementation) {}

    private final OneDnn dnn;
    private final int capacity;
    private long made;
    private final LinkedHashMap<Layout, Product> products = new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Entry<Layout, Product> eldest) {
            if (size() <= capacity) { return false; }
            destroy(eldest.getValue());
            return true;
        }
    };

    /// @param capacity primitives kept; each is some tens of kilobytes of generated code
    MatmulCache(OneDnn dnn, int capacity) {
        this.dnn = dnn;
        this.capacity = capacity;
    }

    Product get(Layout layout) {
        Product product = products.get(layout);
        if (product == null) {
            product = create(layout);
            products.put(layout, product);
        }
        return product;
    }

    /// Primitives made so far, those that are gone again included.
    long made() {
        return made;
    }

    private Product create(Layout at) {
        made++;
        MemorySegment a = matrixDesc(at.m, at.k, at.lda, at.transA, at.types.bf16Inputs);
        MemorySegment b = matrixDesc(at.k, at.n, at.ldb, at.transB, at.types.bf16Inputs);
        MemorySegment c = matrixDesc(at.m, at.n, at.ldc, false, at.types.bf16Output);
        MemorySegment desc = dnn.matmulDesc(a, b, c, at.accumulate);
        MemorySegment scratchpad = dnn.scratchpadDesc(desc);
        Arena arena = Arena.ofShared();
        var product = new Product(dnn.primitive(desc), dnn.memory(a), dnn.memory(b), dnn.memory(c), dnn.memory(scratchpad),
                dnn.sizeBytes(scratchpad), arena.allocate(4 * ARGUMENT_BYTES, 8), arena, dnn.implementation(desc));
        dnn.destroyDesc(desc);
        for (MemorySegment matrix : new MemorySegment[] {a, b, c}) { dnn.destroyMatrixDesc(matrix); }
        setArgument(product.arguments, 0, SRC, product.a);
        setArgument(product.arguments, 1, WEIGHTS, product.b);
        setArgument(product.arguments, 2, DST, product.c);
        setArgument(product.arguments, 3, SCRATCHPAD, product.scratchpad);
        return product;
    }

    private MemorySegment matrixDesc(long rows, long columns, long ld, boolean transposed, boolean bf16) {
        return transposed ? dnn.matrixDesc(rows, columns, 1, ld, bf16) : dnn.matrixDesc(rows, columns, ld, 1, bf16);
    }

    private static void setArgument(MemorySegment arguments, int index, int name, MemorySegment memory) {
        arguments.set(ValueLayout.JAVA_INT, index * ARGUMENT_BYTES, name);
        arguments.set(ValueLayout.ADDRESS, index * ARGUMENT_BYTES + 8, memory);
    }

    private void destroy(Product product) {
        dnn.destroyPrimitive(product.primitive);
        for (MemorySegment memory : new MemorySegment[] {product.a, product.b, product.c, product.scratchpad}) {
            dnn.destroyMemory(memory);
        }
        product.arena.close();
    }
}
