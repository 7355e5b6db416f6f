package dev.kintsugi.worker.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Against the losses and gradients of Transformers' `LabelSmoother` (`label_smoothing_fixture.py`), in f64, but that it adds log-probabilities in f32.
class LabelSmoothingConformanceTest {
    @Test
    void shouldSmoothAsTransformersDoes() throws IOException {
        JsonNode fixture = new JsonMapper().readTree(Files.readString(Path.of("src/test/resources/label_smoothing.json")));
        JsonNode labels = fixture.get("labels");
        int V = fixture.get("vocabulary").intValue();
        int counted = (int) labels.valueStream().filter(l -> l.intValue() >= 0).count();
        for (JsonNode expected : fixture.get("cases")) {
            try (Arena arena = Arena.ofConfined()) {
                var logits = new Tensor(arena.allocate(8L * labels.size() * V), DType.F64, labels.size(), V);
                var labelTensor = new Tensor(arena.allocate(4L * labels.size()), DType.I32, labels.size());
                for (int i = 0; i < logits.numel(); i++) { logits.data().setAtIndex(ValueLayout.JAVA_DOUBLE, i, fixture.get("logits").get(i).doubleValue()); }
                for (int i = 0; i < labels.size(); i++) { labelTensor.data().setAtIndex(ValueLayout.JAVA_INT, i, labels.get(i).intValue()); }
                double loss = new ReferenceKernels().crossEntropy(logits, labelTensor, 1.0 / counted, expected.get("smoothing").doubleValue(), true);
                assertThat(loss / counted).isCloseTo(expected.get("loss").doubleValue(), within(1e-6));
                double tolerance = expected.get("smoothing").doubleValue() == 0 ? 1e-15 : 1e-8;
                for (int i = 0; i < logits.numel(); i++) {
                    assertThat(logits.data().getAtIndex(ValueLayout.JAVA_DOUBLE, i)).as("element %d of %s", i, expected.get("smoothing"))
                            .isCloseTo(expected.get("gradient").get(i).doubleValue(), within(tolerance));
                }
            }
        }
    }
}
