package dev.kintsugi.worker.checkpoint.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.manifest.BestEvaluation;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.TrainingPosition;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.SavedModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelCardTest {
    @TempDir
    Path directory;

    @Test
    void shouldSayWhatWasTrainedOnWhatAndHow() throws Exception {
        Path picture = Files.writeString(directory.resolve("loss.png"), "a picture");
        ModelCard card = ModelCard.of(manifest("""
                {"name": "tuned", "output_dir": "%s", "model_name": "/models/base", "dataset_name": "/data/books/", "learning_rate": 5e-5,
                 "packing_strategy": "bfd", "threads": 4}""".formatted(directory)));
        assertThat(card.text()).startsWith("---\nlibrary_name: transformers\n").contains("\n# tuned\n",
                " parameters, trained on from `base` with Kintsugi 0.1.0 on `books`: 5 steps, 3,000 samples, 1,048,576 tokens."
                        + " The best evaluation was after step 5, with a loss of 2.1250; this is that model.\n",
                "![loss curve](loss.png)", "```yaml\nmodel_name: \"base\"\ndataset_name: \"books\"\nlearning_rate: 5.0E-5\npacking_strategy: \"bfd\"\n```\n");
        assertThat(card.picture()).contains(picture);
    }

    @Test
    void shouldDoWithoutAPictureAndAJob() throws Exception {
        ModelCard card = ModelCard.of(manifest("{}"));
        assertThat(card.text()).contains("# A model", "trained from scratch with").doesNotContain("loss.png");
        assertThat(card.picture()).isEmpty();
    }

    private Manifest manifest(String job) throws Exception {
        Manifest m = CheckpointDirectory.open(StoragePath.of(SavedModel.llama().save(directory, 1, 5))).manifest();
        var training = new TrainingPosition(5, 0, 3000, 1 << 20, 12, 7, "ab", Optional.of(new BestEvaluation(5, 2.125, 0)), "", 1,
                List.of());
        return new Manifest(m.origin(), training, m.worldSize(), m.optimizer(), m.units(), m.files(), job, m.modelConfigJson());
    }
}
