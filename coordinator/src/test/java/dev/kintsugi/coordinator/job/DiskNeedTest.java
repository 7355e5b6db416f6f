package dev.kintsugi.coordinator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.storage.StoragePath;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DiskNeedTest {
    private static final ModelSpec MODEL = ModelSpec.of(ModelConfigParser.parse("""
            {"model_type": "llama", "hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 4,
             "num_attention_heads": 8, "vocab_size": 32000, "max_position_embeddings": 64}""", "config.json"));

    @Test
    void shouldCountTwelveBytesAParameterAndAbitMore() {
        long bytes = DiskNeed.of(spec().build(), MODEL, 0, 0).checkpointBytes();
        assertThat(bytes).isBetween(12 * MODEL.numel(), 12 * MODEL.numel() * 101 / 100);
    }

    /// @param limit 0: none
    @ParameterizedTest
    @CsvSource({"100, 10, 0, 0, 0, 10", "105, 10, 0, 0, 0, 11", "100, 10, 0, 50, 5, 5", "100, 10, 3, 0, 0, 4", "100, 10, 3, 50, 3, 1",
            "100, 10, 3, 50, 1, 3", "20, 10, 5, 0, 0, 2", "100, 0, 0, 0, 0, 1", "100, 0, 2, 0, 0, 1", "0, 10, 3, 0, 0, 4", "0, 10, 0, 0, 0, 1"})
    void shouldCountWhatExistsAtOnce(long maxSteps, int saveSteps, int limit, long fromStep, int existing, long expected) {
        JobSpec.Builder spec = spec().setSaveSteps(saveSteps);
        if (maxSteps > 0) { spec.setMaxSteps(maxSteps); }
        if (limit > 0) { spec.setSaveTotalLimit(limit); }
        DiskNeed need = DiskNeed.of(spec.build(), MODEL, fromStep, existing);
        assertThat(need.checkpoints()).isEqualTo(expected);
        assertThat(need.bytes()).isEqualTo(expected * need.checkpointBytes());
    }

    @Test
    void shouldCountTheBestOnes() {
        JobSpec.Builder spec = spec().setMaxSteps(100).setLoadBestModelAtEnd(true).setEvalStrategy("steps").setEvalSteps(5);
        assertThat(DiskNeed.of(spec.build(), MODEL, 0, 0).checkpoints()).as("10, and every evaluation's at most").isEqualTo(30);
        assertThat(DiskNeed.of(spec.setSaveTotalLimit(2).build(), MODEL, 0, 0).checkpoints()).isEqualTo(4);
        assertThat(DiskNeed.of(spec.setEvalStrategy("epoch").clearEvalSteps().build(), MODEL, 0, 0).checkpoints()).isEqualTo(4);
    }

    @Test
    void shouldNeedNothingWhereNothingIsSaved() {
        assertThat(DiskNeed.of(spec().setSaveStrategy("no").setMaxSteps(10).build(), MODEL, 0, 0).bytes()).isZero();
    }

    @Test
    void shouldNameNumbersAndRemedy() {
        var place = new CheckpointPlace("--output_dir", StoragePath.of("/out/checkpoints"));
        var need = new DiskNeed(2_500_000_000L, 4, "--save_total_limit=3 and the one being written");
        assertThatCode(() -> DiskCheck.check(need, OptionalLong.of(10_000_000_000L), place)).doesNotThrowAnyException();
        assertThatCode(() -> DiskCheck.check(need, OptionalLong.empty(), place)).doesNotThrowAnyException();
        assertThatThrownBy(() -> DiskCheck.check(need, OptionalLong.of(9_999_999_999L), place)).isInstanceOf(InvalidJobException.class)
                .hasMessageStartingWith("--output_dir=/out/checkpoints has 10.00 GB free, and the checkpoints need 10.00 GB: 4 of 2.50 GB each"
                        + " (--save_total_limit=3 and the one being written); pass a smaller --save_total_limit");
    }

    private static JobSpec.Builder spec() {
        return JobSpec.newBuilder().setWorldSize(2).setSaveStrategy("steps").setSaveSteps(10);
    }
}
