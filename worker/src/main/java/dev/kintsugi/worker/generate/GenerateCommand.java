package dev.kintsugi.worker.generate;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `kintsugi generate`.
@Command(name = "generate", mixinStandardHelpOptions = true, description = "Let a model continue a text.",
        footer = {"", "Takes the likeliest token each time, unless --do_sample is given. Stops at the model's end-of-text token.", "", "Examples:",
                "  kintsugi generate --model out/export --prompt \"public static \" --max_new_tokens 64",
                "  kintsugi generate --model out/export --prompt \"In the beginning\" --do_sample --temperature 0.7 --seed 1",
                "  kintsugi generate --model llama --adapter_name lora-out/export --prompt \"In the beginning\""})
public final class GenerateCommand implements Callable<Integer> {
    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model directory in the Hugging Face layout.")
    private Path model;

    @Option(names = "--prompt", required = true, paramLabel = "TEXT", description = "What to continue.")
    private String prompt;

    @Option(names = "--max_new_tokens", defaultValue = "64", paramLabel = "N", description = "At most (default: ${DEFAULT-VALUE}).")
    private int maxNewTokens;

    @Option(names = "--do_sample", arity = "0..1", defaultValue = "false", fallbackValue = "true", paramLabel = "True|False",
            description = "Draw tokens at random by their probability.")
    private boolean doSample;

    @Option(names = "--temperature", paramLabel = "T", description = "Divides the logits (default: 1.0). Needs --do_sample.")
    private Double temperature;

    @Option(names = "--top_k", paramLabel = "K", description = "Of the K likeliest tokens only; 0: all (default: 50). Needs --do_sample.")
    private Integer topK;

    @Option(names = "--top_p", paramLabel = "P",
            description = "Of the fewest tokens only whose probabilities add up to P (default: 1.0). Needs --do_sample.")
    private Double topP;

    @Option(names = "--seed", defaultValue = "42", paramLabel = "N",
            description = "The same seed gives the same text (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--dtype", defaultValue = "auto", paramLabel = "TYPE", converter = ComputeDtype.Converter.class,
            description = ComputeDtype.DESCRIPTION)
    private ComputeDtype dtype;

    @Mixin
    private AdapterOptions adapters = new AdapterOptions();

    @Option(names = "--json", description = {"Print one line: {\"text\": ..., \"ids\": [...]}, prompt included, and how long it took: {\"prompt_tokens\": ...,",
            "\"prompt_seconds\": ..., \"new_tokens\": ..., \"decode_seconds\": ...}; the last is that of all new tokens but the first."})
    private boolean json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        var generation = new Generation(maxNewTokens, sampler());
        PrintWriter out = spec.commandLine().getOut();
        try (LoadedModel loaded = LoadedModel.open(model, dtype, adapters.directory())) {
            int[] promptIds = Generation.promptIds(loaded, prompt);
            var speed = new Speed(promptIds.length);
            int[] ids = json ? generation.generate(loaded, promptIds, speed) : stream(loaded, generation, promptIds, out, speed);
            if (json) { out.println(toJson(loaded.tokenizer().decode(true, ids), ids, speed)); }
            out.flush();
            if (!json) { spec.commandLine().getErr().println("kintsugi: " + speed.summary()); }
            if (generation.isCutShort(loaded, promptIds, ids)) {
                spec.commandLine().getErr().printf("kintsugi: stopped at the model's max_position_embeddings=%d%n", ids.length);
            }
        }
        return 0;
    }

    private Sampler sampler() {
        if (doSample) {
            return new Sampler.Random(temperature == null ? 1 : temperature, topK == null ? 50 : topK, topP == null ? 1 : topP, seed);
        }
        if (temperature != null || topK != null || topP != null) {
            throw new ParameterException(spec.commandLine(), "--temperature, --top_k and --top_p need --do_sample");
        }
        return new Sampler.Greedy();
    }

    private static int[] stream(LoadedModel loaded, Generation generation, int[] promptIds, PrintWriter out, Speed speed) {
        var text = new TextStream(loaded.tokenizer(), piece -> {
            out.print(piece);
            out.flush();
        });
        text.accept(promptIds);
        int[] ids = generation.generate(loaded, promptIds, speed.andThen(text::accept));
        text.finish();
        out.println();
        return ids;
    }

    private static String toJson(String text, int[] ids, Speed speed) {
        var mapper = new JsonMapper();
        ObjectNode node = mapper.createObjectNode().put("text", text);
        ArrayNode array = node.putArray("ids");
        Arrays.stream(ids).forEach(array::add);
        speed.addTo(node);
        return mapper.writeValueAsString(node);
    }
}
