package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.LoadMemory;

/// What loading takes of this process's memory, from joining, before anything is allocated, to having all shards.
///
/// @param beforeBytes resident when loading began
record LoadingMemory(long beforeBytes) {
    static LoadingMemory begin() {
        return new LoadingMemory(ProcessMemory.residentBytes());
    }

    LoadMemory end() {
        long now = ProcessMemory.residentBytes();
        long most = ProcessMemory.peakResidentBytes();
        return LoadMemory.newBuilder().setBeforeBytes(beforeBytes).setConsumedBytes(now - beforeBytes).setPeakBytes(most - beforeBytes)
                .setTotalPeakBytes(most).build();
    }

    /// The eight counters in MB of 2^20 bytes; those of a GPU are 0 where there is none.
    static String describe(LoadMemory cpu, LoadMemory gpu) {
        return "memory of loading in MB, GPU: %s; CPU: %s".formatted(counters(gpu), counters(cpu));
    }

    private static String counters(LoadMemory m) {
        return "before %,d, consumed %,d, peak %,d, total peak %,d".formatted(m.getBeforeBytes() >> 20, m.getConsumedBytes() >> 20, m.getPeakBytes() >> 20,
                m.getTotalPeakBytes() >> 20);
    }
}
