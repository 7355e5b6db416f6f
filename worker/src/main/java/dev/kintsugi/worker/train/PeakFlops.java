package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.MatmulProbe;

/// What MFU is a share of: FLOP/s that one rank could do at most. Either given (`--peak_tflops`), or measured on rank 0 by [MatmulProbe]: for
/// [#FIRST_SECONDS] at the start and for [#AGAIN_SECONDS] every [#INTERVAL_NS], between steps, since the rate of a shared machine's matrix unit changes by
/// a factor of three within minutes; a share of a peak that was measured minutes ago could be above 1. The latest measurement counts.
///
/// Ranks that share cores have their share of the peak each.
final class PeakFlops implements AutoCloseable {
    private static final double FIRST_SECONDS = 0.2;
    private static final double AGAIN_SECONDS = 0.03;
    private static final long INTERVAL_NS = 15_000_000_000L;

    private final MatmulProbe probe;        // null when the peak was given
    private final double share;
    private double flopsPerSecond;
    private long measuredNs;

    private PeakFlops(MatmulProbe probe, double share, double flopsPerSecond, long nowNs) {
        this.probe = probe;
        this.share = share;
        this.flopsPerSecond = flopsPerSecond;
        this.measuredNs = nowNs;
    }

    static PeakFlops given(double teraflops) {
        return new PeakFlops(null, 1, teraflops * 1e12, 0);
    }

    /// @param share of the cores it computes on that a rank has: 1 unless there are more ranks than cores
    static PeakFlops measured(Kernels kernels, DType dtype, double share, long nowNs) {
        var probe = new MatmulProbe(kernels, dtype);
        return new PeakFlops(probe, share, share * probe.flopsPerSecond(FIRST_SECONDS), nowNs);
    }

    /// @param coresOfHost that the process may use
    static double share(int coresOfHost, int ranksOfHost, int threadsOfRank) {
        return Math.min(1, (double) coresOfHost / (ranksOfHost * threadsOfRank));
    }

    /// Called between steps; measures again when it is time to.
    double flopsPerSecond(long nowNs) {
        if (probe != null && nowNs - measuredNs >= INTERVAL_NS) {
            flopsPerSecond = share * probe.flopsPerSecond(AGAIN_SECONDS);
            measuredNs = nowNs;
        }
        return flopsPerSecond;
    }

    @Override
    public void close() {
        if (probe != null) { probe.close(); }
    }
}
