package dev.kintsugi.worker.agent;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The ranks of one generation of one job on this host, and their directory for shared memory. Confined to the agent's thread.
final class Attempt {
    private final Path shmDirectory;
    private final Map<Integer, RankProcess> ranks = new HashMap<>();
    private final List<Runnable> whenClear = new ArrayList<>();

    /// Names an attempt.
    record Key(String jobId, long generation) {
        /// Also a directory name.
        @Override
        public String toString() {
            return jobId.replaceAll("[^A-Za-z0-9_-]", "_") + "-" + generation;
        }
    }

    Attempt(Path shmDirectory) {
        this.shmDirectory = shmDirectory;
    }

    Path shmDirectory() {
        return shmDirectory;
    }

    boolean holds(int rank) {
        return ranks.containsKey(rank);
    }

    void add(int rank, RankProcess process) {
        ranks.put(rank, process);
    }

    void remove(int rank) {
        ranks.remove(rank);
    }

    boolean isClear() {
        return ranks.isEmpty();
    }

    void ask() {
        ranks.values().forEach(RankProcess::ask);
    }

    void kill() {
        ranks.values().forEach(RankProcess::kill);
    }

    void whenClear(Runnable action) {
        whenClear.add(action);
    }

    void cleared() {
        whenClear.forEach(Runnable::run);
    }
}
