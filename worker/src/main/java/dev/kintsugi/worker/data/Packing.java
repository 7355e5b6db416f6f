package dev.kintsugi.worker.data;

/// How examples become samples; [SampleRules] chooses.
enum Packing {
    /// Each is one.
    NONE,
    /// The tokens of all in order, cut into blocks: samples see the end of one example and the beginning of the next.
    WRAPPED,
    /// As many as fit, whole, in a sample: [BestFitPacking]. None sees another.
    BEST_FIT
}
