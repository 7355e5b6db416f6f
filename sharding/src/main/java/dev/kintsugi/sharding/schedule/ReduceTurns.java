package dev.kintsugi.sharding.schedule;

/// The order in which a rank adds the ranks' contributions to its rows: a window of them from rank 0, the same window from rank
/// 1 and so on (its own at its place), then the next window. Every element is thus summed in rank order, as the canonical
/// chain wants, while all sources' streams flow.
///
/// **No deadlock under back-pressure**, if a rank's streams to different ranks progress independently and it keeps sending while it
/// waits. Order the turns of all ranks by (collective, window, source). Take the least turn that is not done, say of rank d
/// waiting for source s. All that s has sent d before it has been consumed, as those turns are less, so the stream from s to d is empty
/// and has room, whatever the window of the transport. And s is inside that collective: else a turn of s in an earlier one would be
/// undone and less. So s can send, and the turn will be done.
public final class ReduceTurns {
    private final int worldSize;
    private final long windowSize;
    private long total;
    private long from;
    private int source;

    /// @param windowSize how much of one source is added before the next one's turn; any unit of length
    public ReduceTurns(int worldSize, long windowSize) {
        if (worldSize < 1 || windowSize < 1) {
            throw new IllegalArgumentException("reduce turns: worldSize=%d windowSize=%d; both must be >= 1".formatted(worldSize, windowSize));
        }
        this.worldSize = worldSize;
        this.windowSize = windowSize;
    }

    /// Starts over with contributions of length `newTotal`.
    public void begin(long newTotal) {
        total = newTotal;
        from = 0;
        source = 0;
    }

    public boolean isDone() {
        return from >= total;
    }

    /// Whose turn it is.
    public int source() {
        return source;
    }

    public long from() {
        return from;
    }

    public long to() {
        return Math.min(from + windowSize, total);
    }

    /// The turn is done: `[from, to)` of [#source] has been added.
    public void next() {
        source++;
        if (source == worldSize) {
            source = 0;
            from = to();
        }
    }
}
