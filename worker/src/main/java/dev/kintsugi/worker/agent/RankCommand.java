package dev.kintsugi.worker.agent;

import dev.kintsugi.proto.v1.StartRanks;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The command line that starts a rank: this agent's own Java and class path.
final class RankCommand {
    private static final List<String> JVM = List.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
            "--add-exports", "java.base/jdk.internal.misc=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-XX:+UseSerialGC",
            "-Xmx512m", "-Xmn8m", "-XX:TrimNativeHeapInterval=3000",       // tensors live off the heap, and garbage dies young
            "-XX:CompileCommand=quiet", "-XX:CompileCommand=dontinline,*Loops::*",      // see worker.kernel.cpu.Rows
            "-XX:-UseProfiledLoopPredicate");       // such a check failed in every update of AdamW, and its code was made again 400 times

    private RankCommand() {}

    static List<String> of(AgentConfig config, StartRanks order, int rank, Path shmDirectory, Path aeronDirectory) {
        var command = new ArrayList<String>();
        command.add(java());
        command.addAll(JVM);
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(config.rankProgram());
        command.addAll(List.of("--coordinator", config.coordinator(), "--job", order.getJobId(), "--generation",
                Long.toString(order.getGeneration()), "--rank", Integer.toString(rank), "--world_size",
                Integer.toString(order.getWorldSize()), "--host_id", config.id(), "--address", config.address(), "--shm_dir",
                shmDirectory.toString(), "--aeron_dir", aeronDirectory.toString()));
        return command;
    }

    private static String java() {
        return ProcessHandle.current().info().command().orElse(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    }
}
