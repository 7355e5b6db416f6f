package dev.kintsugi.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The launcher in a directory of its own, with a JDK that says how it was started and a Maven that makes empty jars.
class LauncherTest {
    private record Ended(int status, String out, String err) {}

    @TempDir
    Path directory;

    private Path root;
    private Path jdk;

    @BeforeEach
    void layOut() throws IOException {
        root = Files.createDirectories(directory.resolve("some where/kintsugi"));
        Files.copy(Path.of("..", "kintsugi"), root.resolve("kintsugi"));
        executable(root.resolve("kintsugi"), Files.readString(root.resolve("kintsugi")));
        jdk = jdk("jdk-25", "25.0.3");
        executable(directory.resolve("bin/mvn"), """
                #!/bin/sh
                echo built >> builds
                sleep 0.3
                for m in client coordinator worker; do mkdir -p $m/target/lib; : > $m/target/kintsugi-$m-0.1.0.jar; done
                """);
    }

    @ParameterizedTest
    @CsvSource({"coordinator --port 1, dev.kintsugi.coordinator.CoordinatorMain --port 1, coordinator",
            "agent --slots 2, dev.kintsugi.worker.agent.AgentMain --slots 2, worker",
            "eval --model m, dev.kintsugi.worker.cli.WorkerTools eval --model m, worker",
            "checkpoint verify d, dev.kintsugi.worker.cli.WorkerTools checkpoint verify d, worker",
            "train --local 2, dev.kintsugi.client.Kintsugi train --local 2, client"})
    void shouldStartTheProgramOfTheCommandOnItsOwnClassPath(String command, String end, String module) throws Exception {
        Ended ended = run(Map.of("KINTSUGI_JAVA_HOME", jdk.toString()), command.split(" "));
        assertThat(ended.out).endsWith(end + "\n").contains(root + "/" + module + "/target/lib/*");
        assertThat(ended.out.contains("jdk.incubator.vector")).isEqualTo(command.matches("(eval|checkpoint).*"));
    }

    @Test
    void shouldPassArgumentsWithSpacesUnchanged() throws Exception {
        executable(jdk.resolve("bin/java"), "#!/bin/sh\nfor last; do :; done\nprintf '%s' \"$last\"\n");
        assertThat(run(Map.of("KINTSUGI_JAVA_HOME", jdk.toString()), "generate", "--prompt", "a  'b' $c").out).isEqualTo("a  'b' $c");
    }

    @Test
    void shouldBuildOnceWhenTwoStartTogether() throws Exception {
        Map<String, String> environment = Map.of("KINTSUGI_JAVA_HOME", jdk.toString());
        Process first = start(environment, "--version");
        Process second = start(environment, "--version");
        assertThat(end(first).status).isZero();
        assertThat(end(second).status).isZero();
        assertThat(run(environment, "--version").err).isEmpty();
        assertThat(root.resolve("builds")).hasContent("built\n");
    }

    @Test
    void shouldNotTakeAnInterruptedBuildForABuild() throws Exception {
        Files.createDirectories(root.resolve("target"));
        run(Map.of("KINTSUGI_JAVA_HOME", jdk.toString()), "--version");
        Files.createFile(root.resolve("target/kintsugi-build-unfinished"));
        Files.createSymbolicLink(root.resolve("target/kintsugi-build-lock"), Path.of("999999999"));
        run(Map.of("KINTSUGI_JAVA_HOME", jdk.toString()), "--version");
        assertThat(root.resolve("builds")).hasContent("built\nbuilt\n");
    }

    @Test
    void shouldSkipAJavaHomeThatIsTooOldAndTakeTheJavaOnThePath() throws Exception {
        Files.createSymbolicLink(directory.resolve("bin/java"), jdk.resolve("bin/java"));
        Ended ended = run(Map.of("JAVA_HOME", jdk("jdk-17", "17.0.1").toString()), "--version");
        assertThat(ended.out).startsWith(jdk.resolve("bin/java").toString());
    }

    @Test
    void shouldRefuseAJdkThatWasNamedAndIsTooOld() throws Exception {
        Ended ended = run(Map.of("KINTSUGI_JAVA_HOME", jdk("jdk-17", "17.0.1").toString()), "--version");
        assertThat(ended.status).isEqualTo(1);
        assertThat(ended.err).startsWith("kintsugi: KINTSUGI_JAVA_HOME=").contains("found version 17").hasLineCount(1);
    }

    @Test
    void shouldFindItsDirectoryThroughLinks() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("bin/first"), root.resolve("kintsugi"));
        Path second = Files.createSymbolicLink(directory.resolve("bin/kk"), link.getFileName());
        Ended ended = end(new ProcessBuilder(second.toString(), "jobs"), Map.of("KINTSUGI_JAVA_HOME", jdk.toString()));
        assertThat(ended.out).contains(root + "/client/target/");
    }

    private Path jdk(String name, String version) throws IOException {
        Path home = directory.resolve(name);
        executable(home.resolve("bin/java"), "#!/bin/sh\necho \"$0\" \"$@\"\n");
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"%s\"\n".formatted(version));
        return home;
    }

    private static void executable(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Ended run(Map<String, String> environment, String... arguments) throws Exception {
        return end(start(environment, arguments));
    }

    private Process start(Map<String, String> environment, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(root.resolve("kintsugi").toString()));
        command.addAll(List.of(arguments));
        return start(new ProcessBuilder(command), environment);
    }

    private Process start(ProcessBuilder builder, Map<String, String> environment) throws IOException {
        builder.environment().clear();
        builder.environment().put("PATH", directory.resolve("bin") + ":/usr/bin:/bin");
        builder.environment().put("HOME", directory.resolve("home").toString());
        builder.environment().putAll(environment);
        return builder.start();
    }

    private Ended end(ProcessBuilder builder, Map<String, String> environment) throws Exception {
        return end(start(builder, environment));
    }

    private static Ended end(Process process) throws Exception {
        String out = new String(process.getInputStream().readAllBytes(), UTF_8);
        String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return new Ended(process.exitValue(), out, err);
    }
}
