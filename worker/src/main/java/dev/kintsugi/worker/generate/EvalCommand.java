package dev.kintsugi.worker.generate;

import dev.kintsugi.worker.failure.CallerException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/// `kintsugi eval`.
@Command(name = "eval", mixinStandardHelpOptions = true,
        description = "Compute a model's mean loss and perplexity on a text.",
        footer = {"", "Documents are concatenated with nothing between them and cut to blocks of max_length tokens, each of which predicts all of its",
                "tokens but the first; tokens that fill no block are left out.", "", "Example:",
                "  kintsugi eval --model out/export --dataset held-out.txt --json"})
public final class EvalCommand implements Callable<Integer> {
    private static final int MAX_LENGTH_DEFAULT = 1024;
    private static final long REPORT_TOKENS = 10_000;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model directory in the Hugging Face layout.")
    private Path model;

    @Option(names = {"--dataset", "--dataset_name"}, required = true, paramLabel = "FILE",
            description = "Text or .jsonl file, directory or glob.")
    private String dataset;

    @Option(names = "--dataset_text_field", defaultValue = "text", paramLabel = "NAME",
            description = "Field of a .jsonl line (default: ${DEFAULT-VALUE}).")
    private String textField;

    @Option(names = {"--max_length", "--max_seq_len"}, paramLabel = "N",
            description = "Tokens of a block (default: the model's max_position_embeddings, but at most " + MAX_LENGTH_DEFAULT + ").")
    private Integer maxLength;

    @Option(names = "--dtype", defaultValue = "auto", paramLabel = "TYPE", converter = ComputeDtype.Converter.class,
            description = ComputeDtype.DESCRIPTION)
    private ComputeDtype dtype;

    @Mixin
    private AdapterOptions adapters = new AdapterOptions();

    @Option(names = "--json", description = "Print one line: {\"loss\": ..., \"perplexity\": ..., \"tokens\": ...}.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        if (maxLength != null && maxLength < 2) {
            throw new ParameterException(spec.commandLine(), "--max_length=%d must be at least 2".formatted(maxLength));
        }
        try (LoadedModel loaded = LoadedModel.open(model, dtype, adapters.directory())) {
            var progress = new Report(spec.commandLine().getErr());
            print(Evaluation.of(loaded, dataset, textField, blockLength(loaded), progress::show));
        }
        return 0;
    }

    private int blockLength(LoadedModel loaded) {
        int positions = loaded.config().maxPositionEmbeddings();
        if (maxLength == null) { return Math.min(positions, MAX_LENGTH_DEFAULT); }
        if (maxLength > positions) {
            throw new CallerException("--max_length=%d is more than max_position_embeddings=%d of %s; give at most that"
                    .formatted(maxLength, positions, model.resolve("config.json")));
        }
        return maxLength;
    }

    private void print(Evaluation evaluation) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            var mapper = new JsonMapper();
            out.println(mapper.writeValueAsString(mapper.createObjectNode().put("loss", evaluation.loss())
                    .put("perplexity", evaluation.perplexity()).put("tokens", evaluation.tokens())));
        } else {
            out.println(String.format(Locale.ROOT, "loss %.6f  perplexity %.4f  tokens %d", evaluation.loss(), evaluation.perplexity(),
                    evaluation.tokens()));
        }
        out.flush();
    }

    /// A line now and then, for people.
    private final class Report {
        private final PrintWriter err;
        private long next = REPORT_TOKENS;

        Report(PrintWriter err) {
            this.err = err;
        }

        void show(long tokens, double meanLoss) {
            if (json || tokens < next) { return; }
            next = tokens * 2;
            err.println(String.format(Locale.ROOT, "%d tokens, mean loss so far %.4f", tokens, meanLoss));
            err.flush();
        }
    }
}
