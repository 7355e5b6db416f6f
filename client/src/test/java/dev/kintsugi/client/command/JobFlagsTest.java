package dev.kintsugi.client.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.client.spec.UsageException;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardingStrategy;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

class JobFlagsTest {
    private final ByteArrayOutputStream notes = new ByteArrayOutputStream();

    @Test
    void shouldTakeValuesWithAndWithoutEqualsSign() {
        assertThat(parse("--max_steps", "500", "--learning_rate=5e-5", "--output-dir", "runs/a=b"))
                .isEqualTo(JobSpec.newBuilder().setMaxSteps(500).setLearningRate(5e-5).setOutputDir("runs/a=b").build());
    }

    @Test
    void shouldTakeValuesThatBeginWithADash() {
        assertThat(parse("--seed", "-1")).isEqualTo(JobSpec.newBuilder().setSeed(-1).build());
    }

    @Test
    void shouldTakeTruthValuesOfAnySpelling() {
        assertThat(parse("--bf16", "--packing", "True", "--gradient_checkpointing=0", "--add_special_tokens", "false"))
                .isEqualTo(JobSpec.newBuilder().setBf16(true).setPacking(true).setGradientCheckpointing(false).setAddSpecialTokens(false)
                        .build());
    }

    @Test
    void shouldTakeTheNamesThatOtherTrainersUse() {
        assertThat(parse("--max_seq_len", "2048", "--use_gradient_checkpointing", "True", "--model_name_or_path", "m"))
                .isEqualTo(JobSpec.newBuilder().setMaxLength(2048).setGradientCheckpointing(true).setModelName("m").build());
    }

    @ParameterizedTest
    @CsvSource({"1, FULL_SHARD", "SHARD_GRAD_OP, SHARD_GRAD_OP", "3, NO_SHARD", "hybrid_shard, HYBRID_SHARD"})
    void shouldTakeTheStrategiesAsAccelerateWritesThem(String written, ShardingStrategy strategy) {
        assertThat(parse("--fsdp_sharding_strategy", written)).isEqualTo(JobSpec.newBuilder().setShardingStrategy(strategy).build());
    }

    @Test
    void shouldNameTheStrategiesThatThereAre() {
        assertThatThrownBy(() -> parse("--fsdp_sharding_strategy", "5")).isInstanceOf(UsageException.class).hasMessage(
                "--fsdp_sharding_strategy=5 is not one of the choices; write one of FULL_SHARD, SHARD_GRAD_OP, NO_SHARD, HYBRID_SHARD.");
    }

    @Test
    void shouldRefuseAFlagGivenTwiceWithDifferentValues() {
        assertThatThrownBy(() -> parse("--max_length", "1", "--block_size", "2")).hasMessageContaining("--max_length=1 and --block_size=2");
    }

    @Test
    void shouldSayWhichFlagsChangeNothing() {
        assertThat(parse("--use_flash_attn", "True", "--log_level", "info")).isEqualTo(JobSpec.getDefaultInstance());
        assertThat(notes.toString(StandardCharsets.UTF_8).lines()).hasSize(2).first().asString()
                .isEqualTo("kintsugi: --use_flash_attn=True changes nothing here: "
                        + "attention is always computed in blocks, with memory linear in the sequence.");
    }

    @Test
    void shouldTakeYesterdaysNamesOfEvaluation() {
        assertThat(parse("--evaluation_strategy", "steps", "--eval_steps", "100", "--validation_file", "e.jsonl")).isEqualTo(JobSpec.newBuilder()
                .setEvalStrategy("steps").setEvalSteps(100).setEvalDatasetName("e.jsonl").build());
    }

    @Test
    void shouldRefuseWhatIsNotAvailableYet() {
        assertThatThrownBy(() -> parse("--push_to_hub", "True")).isInstanceOf(UsageException.class)
                .hasMessageStartingWith("--push_to_hub=True is not available");
        assertThatThrownBy(() -> parse("--fp16", "true")).isInstanceOf(UsageException.class);
        assertThat(parse("--fp16", "false")).isEqualTo(JobSpec.getDefaultInstance());
    }

    private JobSpec parse(String... words) {
        JobFlags flags = new JobFlags();
        CommandSpec command = CommandSpec.create();
        flags.addTo(command);
        new CommandLine(command).parseArgs(FlagValues.join(List.of(words)).toArray(String[]::new));
        return flags.apply(new PrintStream(notes, true, StandardCharsets.UTF_8)).build();
    }
}
