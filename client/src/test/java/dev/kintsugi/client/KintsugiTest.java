package dev.kintsugi.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KintsugiTest {
    private record Ended(int status, String out, String err) {}

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "train --max_stepz 5 | unknown flag --max_stepz of 'kintsugi train'; did you mean --max_steps?",
            "pretrain --learning_rat=5 | unknown flag --learning_rat of 'kintsugi train'; did you mean --learning_rate?",
            "train --max_steps | the value of --max_steps of 'kintsugi train' is missing; 'kintsugi train --help' shows what there is.",
            "train --output_dir --seed 1 | the value of --output_dir of 'kintsugi train' is missing; "
                    + "'kintsugi train --help' shows what there is.",
            "train --local 0 | --local=0 is not a number of ranks; write 1 or more.",
            "train --local 2 --world_size 3 | --local=2 and --world_size=3 disagree; give one of them.",
            "train surplus | unknown argument surplus of 'kintsugi train'; 'kintsugi train --help' shows what there is.",
            "trian | unknown command trian of 'kintsugi'; did you mean train?",
            "submit | JOB.yaml of 'kintsugi submit' is missing; 'kintsugi submit --help' shows what there is.",
            "watch x --coordinator nowhere | --coordinator=nowhere is not an address; write HOST:PORT, such as 127.0.0.1:7780.",
            "quickstart --steps 2 | --steps=2 is too few to show a resume; write 8 or more."})
    void shouldRefuseAWrongCommandLineInOneSentence(String line, String said) {
        Ended ended = run(line.split(" "));
        assertThat(ended.err).isEqualTo("kintsugi: " + said + "\n");
        assertThat(ended.status).isEqualTo(2);
        assertThat(ended.out).isEmpty();
    }

    @Test
    void shouldSayWhatToDoWhenNoCoordinatorAnswers() {
        // Port 1 is reserved for a service that nobody runs.
        Ended ended = run("jobs", "--coordinator", "127.0.0.1:1");
        assertThat(ended.status).isEqualTo(1);
        assertThat(ended.err).startsWith("kintsugi: no coordinator answers at 127.0.0.1:1 (connection refused); start one")
                .hasLineCount(1);
    }

    @Test
    void shouldListEveryCommand() {
        Ended ended = run();
        assertThat(ended.status).isZero();
        for (String command : List.of("quickstart", "train", "submit", "jobs", "watch", "cancel", "logs", "coordinator", "agent",
                "checkpoint", "estimate", "eval", "generate", "plot")) {
            assertThat(ended.out).containsPattern("(?m)^  " + command + "[ ,]");
        }
    }

    @ParameterizedTest
    @CsvSource({"quickstart", "train", "submit", "jobs", "watch", "cancel", "logs", "plot"})
    void shouldHelpWithExamples(String command) {
        Ended ended = run(command, "--help");
        assertThat(ended.status).isZero();
        assertThat(ended.out).contains("Usage: kintsugi " + command, "Examples:\n");
        assertThat(ended.out.lines().mapToInt(String::length).max().orElseThrow()).isLessThanOrEqualTo(100);
    }

    private static Ended run(String... arguments) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(complained, true, StandardCharsets.UTF_8));
            int status = Kintsugi.run(arguments);
            return new Ended(status, said.toString(StandardCharsets.UTF_8), complained.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }
}
