/// The CPU device: matrix products by oneDNN through the foreign-function API, everything else by the Vector API.
///
/// [CpuKernels] checks shapes and dispatches; each family of operations is one class of static methods over borrowed
/// `MemorySegment`s, with its scalar twin as the loop that handles a row's tail. Open [CpuKernels] first, then [Matmul].
///
/// Results are a function of shapes and values alone. Three rules keep them so: reductions go to 16 partial sums whatever the
/// vector's width ([Lanes]); `exp` is our own ([Exp]), because the JDK's differs between interpreted and compiled code; and a
/// matrix product of one shape runs one schedule on one thread. [ThreadedKernels] gives each of several threads rows of its own.
package dev.kintsugi.worker.kernel.cpu;
