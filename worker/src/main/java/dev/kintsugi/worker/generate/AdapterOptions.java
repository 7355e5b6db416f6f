package dev.kintsugi.worker.generate;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/// Which adapters a model is used with.
final class AdapterOptions {
    @Option(names = "--adapter_name", paramLabel = "DIR", description = "Adapters of this model, as PEFT or kintsugi checkpoint export saves them.")
    private Path adapters;

    @Option(names = "--use_adapters", arity = "1", defaultValue = "true", paramLabel = "True|False",
            description = "False: the model as it is without them (default: True).")
    private boolean use;

    Optional<Path> directory() {
        return use ? Optional.ofNullable(adapters) : Optional.empty();
    }
}
