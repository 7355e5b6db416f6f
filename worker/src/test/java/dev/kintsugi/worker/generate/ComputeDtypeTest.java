package dev.kintsugi.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ComputeDtypeTest {
    @TempDir
    Path directory;

    private Path config(String json) throws IOException {
        return Files.writeString(directory.resolve("config.json"), json);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"{\"dtype\": \"bfloat16\"}; BF16", "{\"torch_dtype\": \"bfloat16\"}; BF16", "{\"dtype\": \"float32\"}; F32",
            "{\"dtype\": \"float16\"}; F32", "{\"dtype\": \"torch.bfloat16\"}; BF16", "{\"dtype\": \"bfloat16\", \"torch_dtype\": \"float32\"}; BF16"})
    void shouldTakeWhatTheConfigSays(String json, DType expected) throws IOException {
        Path config = config(json);
        for (boolean areWeightsBf16 : new boolean[] {false, true}) {
            assertThat(ComputeDtype.AUTO.resolve(config, areWeightsBf16)).isEqualTo(expected);
            assertThat(ComputeDtype.FLOAT32.resolve(config, areWeightsBf16)).isEqualTo(DType.F32);
            assertThat(ComputeDtype.BFLOAT16.resolve(config, areWeightsBf16)).isEqualTo(DType.BF16);
        }
    }

    @Test
    void shouldTakeWhatTheWeightsAreWhereTheConfigSaysNothing() throws IOException {
        for (String json : new String[] {"{}", "{\"dtype\": null}"}) {
            assertThat(ComputeDtype.AUTO.resolve(config(json), true)).isEqualTo(DType.BF16);
            assertThat(ComputeDtype.AUTO.resolve(config(json), false)).isEqualTo(DType.F32);
        }
    }

    @Test
    void shouldNameATypeThatItCannotComputeIn() throws IOException {
        Path config = config("{\"dtype\": \"float8_e4m3fn\"}");
        assertThatThrownBy(() -> ComputeDtype.AUTO.resolve(config, true)).isInstanceOf(CallerException.class)
                .hasMessageContaining(config.toString()).hasMessageContaining("dtype=float8_e4m3fn").hasMessageContaining("--dtype bfloat16");
    }
}
