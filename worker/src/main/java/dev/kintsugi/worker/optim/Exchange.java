package dev.kintsugi.worker.optim;

import java.util.List;

/// Small messages between the ranks: [dev.kintsugi.worker.collective.CollectiveGroup#exchange].
@FunctionalInterface
public interface Exchange {
    /// @param mine at most [#BYTES_MAX]
    /// @return every rank's, in rank order
    List<byte[]> exchange(String what, byte[] mine);

    /// Of a message.
    int BYTES_MAX = 64 << 10;
}
