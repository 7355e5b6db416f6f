package dev.kintsugi.worker.collective;

/// The collectives, with the names that journals and messages to people use. The ordinal travels between ranks.
enum Kind {
    OPEN("open"), ALLOCATE("allocate"), ALL_GATHER("all-gather"), REDUCE_SCATTER("reduce-scatter"), SHARE_SUMS("share-sums"), SCATTER("scatter"), EXCHANGE(
            "exchange"), BARRIER("barrier");

    private static final Kind[] VALUES = values();

    private final String label;

    Kind(String label) {
        this.label = label;
    }

    static Kind of(int ordinal) {
        return VALUES[ordinal];
    }

    String label() {
        return label;
    }
}
