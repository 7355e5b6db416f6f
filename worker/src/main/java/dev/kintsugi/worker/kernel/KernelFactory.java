package dev.kintsugi.worker.kernel;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import dev.kintsugi.worker.kernel.cpu.ThreadedKernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;

/// Opens a device by its name.
public final class KernelFactory {
    private KernelFactory() {}

    /// One instance serves one thread at a time, from which it may start others. Opening `cpu` loads oneDNN, once a process.
    ///
    /// @param device `cpu`, `meta` or `reference`
    /// @param threads that compute; only `cpu` knows how to use more than one
    /// @throws CallerException if there is no such device
    public static Kernels open(String device, int threads) {
        return switch (device) {
            case "cpu" -> threads > 1 ? ThreadedKernels.open(threads) : CpuKernels.open();
            case "meta" -> new MetaKernels();
            case "reference" -> new ReferenceKernels();
            default -> throw new CallerException("device=%s is unknown; choose cpu, meta or reference".formatted(device));
        };
    }
}
