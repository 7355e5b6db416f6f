package dev.kintsugi.worker.kernel;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;

/// Opens a device by its name.
public final class KernelFactory {
    private KernelFactory() {}

    /// One instance serves one compute thread at a time. Opening `cpu` loads oneDNN, once a process.
    ///
    /// @param device `cpu`, `meta` or `reference`
    /// @throws CallerException if there is no such device
    public static Kernels open(String device) {
        return switch (device) {
            case "cpu" -> CpuKernels.open();
            case "meta" -> new MetaKernels();
            case "reference" -> new ReferenceKernels();
            default -> throw new CallerException("device=%s is unknown; choose cpu, meta or reference".formatted(device));
        };
    }
}
