package dev.kintsugi.worker.data;

import java.util.ArrayList;
import java.util.List;

/// Keeps what it is told.
final class Notes implements DatasetIndex.Listener {
    final List<String> sentences = new ArrayList<>();

    @Override
    public void progress(long bytesRead, long bytesTotal, long tokens) {
    }

    @Override
    public void note(String sentence) {
        sentences.add(sentence);
    }
}
