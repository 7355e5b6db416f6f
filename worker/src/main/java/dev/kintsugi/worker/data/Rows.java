package dev.kintsugi.worker.data;

import java.io.IOException;

/// The records of one file, in their order.
interface Rows {
    /// @return null after the last
    /// @throws CallerException naming file and line, if the next is malformed
    Row next() throws IOException;
}
