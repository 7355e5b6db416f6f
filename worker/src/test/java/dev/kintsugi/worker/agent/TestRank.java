package dev.kintsugi.worker.agent;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/// Stands in for a rank. Its job's name says what it does.
public final class TestRank {
    private TestRank() {}

    public static void main(String[] arguments) throws Exception {
        List<String> all = Arrays.asList(arguments);
        ParentWatch.exitOnEof(System.in, 9);
        System.out.println("arguments " + String.join(" ", all));
        System.out.println("arenas " + System.getenv("MALLOC_ARENA_MAX"));
        String shm = all.get(all.indexOf("--shm_dir") + 1);
        Files.writeString(Path.of(shm, "segment-" + ProcessHandle.current().pid()), "left");
        switch (all.get(all.indexOf("--job") + 1)) {
            case "fails" -> {
                System.err.println("kintsugi: the disk is full");
                System.exit(3);
            }
            case "stubborn" -> Runtime.getRuntime().addShutdownHook(new Thread(TestRank::forever));
            default -> {}
        }
        System.out.println("ready");
        forever();
    }

    private static void forever() {
        try {
            Thread.sleep(60_000);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }
}
