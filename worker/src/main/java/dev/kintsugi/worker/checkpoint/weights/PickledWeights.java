package dev.kintsugi.worker.checkpoint.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// Weights as Python pickles (`.bin`, `.pth`, `.pt`), which are programs: reading one runs whatever code it brings. They are not read.
final class PickledWeights {
    private static final List<String> ENDINGS = List.of(".bin", ".pth", ".pt");

    private PickledWeights() {}

    /// @return the first such file of a directory, or the file itself; null if there is none
    static Path find(Path path) {
        if (isPickle(path) && !Files.isDirectory(path)) { return path; }
        if (!Files.isDirectory(path)) { return null; }
        try (Stream<Path> files = Files.list(path)) {
            return files.filter(PickledWeights::isWeights).sorted().findFirst().orElse(null);
        } catch (IOException e) {
            return null;            // whoever opens the directory says why
        }
    }

    private static boolean isPickle(Path path) {
        return path.getFileName() != null && ENDINGS.stream().anyMatch(path.getFileName().toString()::endsWith);
    }

    /// `training_args.bin`, optimizer states and the like are no weights.
    private static boolean isWeights(Path path) {
        String name = path.getFileName().toString();
        return isPickle(path) && (name.startsWith("pytorch_model") || name.startsWith("consolidated") || name.startsWith("model"));
    }

    /// Why, and a command that converts them. It loads tensors alone and refuses all else that a pickle could bring.
    static String refusal(Path pickle) {
        Path directory = pickle.toAbsolutePath().getParent();
        String name = pickle.getFileName().toString();
        String pattern = name.startsWith("pytorch_model") ? "pytorch_model*.bin" : name;
        return ("%s is a Python pickle, and reading one runs the code in it, so it is not read; convert it once, where torch and safetensors are "
                + "installed: python3 -c \"import glob, torch; from safetensors.torch import save_file; save_file({k: v.clone().contiguous() "
                + "for f in sorted(glob.glob('%s')) for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}, '%s', "
                + "metadata={'format': 'pt'})\"").formatted(pickle, directory.resolve(pattern), directory.resolve("model.safetensors"));
    }
}
