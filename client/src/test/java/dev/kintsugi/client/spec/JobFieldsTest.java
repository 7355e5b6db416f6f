package dev.kintsugi.client.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.proto.v1.Transport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JobFieldsTest {
    @Test
    void shouldDescribeEveryFieldOfTheMessage() {
        assertThat(JobFields.all()).hasSize(JobSpec.getDescriptor().getFields().size())
                .allSatisfy(field -> assertThat(field.description()).as(field.name()).isNotBlank());
    }

    @Test
    void shouldReadEachKindOfValue() {
        JobSpec.Builder job = JobSpec.newBuilder();
        set(job, "max_steps", "500");
        set(job, "learning_rate", "5e-5");
        set(job, "packing", "False");
        set(job, "transport", "AERON");
        set(job, "sharding_strategy", "1");
        set(job, "seed", "-7");
        assertThat(job.build()).isEqualTo(JobSpec.newBuilder().setMaxSteps(500).setLearningRate(5e-5).setPacking(false)
                .setTransport(Transport.AERON).setShardingStrategy(ShardingStrategy.FULL_SHARD).setSeed(-7).build());
    }

    @ParameterizedTest
    @CsvSource({"max_steps, 1.5, whole number", "max_length, 3000000000, whole number", "learning_rate, fast, not a number",
            "learning_rate, NaN, not a number", "bf16, maybe, True or False", "transport, tcp, 'one of shm, aeron'",
            "transport, 0, 'one of shm, aeron'"})
    void shouldNameTheFlagAndTheWayOutWhenAValueDoesNotFit(String field, String value, String wayOut) {
        assertThatThrownBy(() -> set(JobSpec.newBuilder(), field, value)).isInstanceOf(UsageException.class)
                .hasMessageStartingWith("--" + field + "=" + value + " ").hasMessageContaining(wayOut);
    }

    private static void set(JobSpec.Builder job, String field, String value) {
        JobFields.named(field).set(job, value, "--" + field);
    }
}
