package dev.kintsugi.client.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.Transport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JobFileTest {
    @TempDir
    Path directory;

    @Test
    void shouldReadYaml() throws IOException {
        JobSpec job = read("""
                output_dir: runs/first   # a comment
                max_steps: 500
                learning_rate: 5e-5
                bf16: false
                transport: shm
                seed: null
                """);
        assertThat(job).isEqualTo(JobSpec.newBuilder().setOutputDir("runs/first").setMaxSteps(500).setLearningRate(5e-5).setBf16(false)
                .setTransport(Transport.SHM).build());
    }

    @Test
    void shouldReadJson() throws IOException {
        assertThat(read("{\"output_dir\": \"x\", \"world_size\": 4}"))
                .isEqualTo(JobSpec.newBuilder().setOutputDir("x").setWorldSize(4).build());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "max_stesp: 5 | unknown field max_stesp; did you mean max_steps?",
            "zebra: 5 | unknown field zebra; 'kintsugi train --help' lists the fields.",
            "max_steps: [1, 2] | max_steps in",
            "max_steps: many | is not a whole number",
            "- just a list | holds no job",
            "a: b: c | is neither YAML nor JSON",
            "{\"max_steps\": 1, \"max_steps\": 2} | neither YAML nor JSON"})
    void shouldSayInOneSentenceWhatIsWrong(String text, String said) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(UsageException.class).hasMessageContaining(said)
                .hasMessageContaining("job.yaml").satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }

    @Test
    void shouldSayThatTheFileIsMissing() {
        assertThatThrownBy(() -> JobFile.read(directory.resolve("none.yaml"))).isInstanceOf(UsageException.class)
                .hasMessageContaining("none.yaml does not exist");
    }

    private JobSpec read(String text) throws IOException {
        Path file = directory.resolve("job.yaml");
        Files.writeString(file, text);
        return JobFile.read(file);
    }
}
