package dev.kintsugi.client.quickstart;

import dev.kintsugi.client.picture.LossCurve;
import dev.kintsugi.client.picture.Sparkline;
import dev.kintsugi.client.report.Quantities;
import dev.kintsugi.client.service.CommandException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// From nothing to a generated sample. Every step is a command that a user could have typed, and is shown before it runs.
public final class Quickstart {
    private static final int CURVE_COLUMNS = 60;
    private static final int LAST_STEPS = 20;

    private final QuickstartPlan plan;
    private final QuickstartDirectory directory;
    private final PrintStream out;
    private final Shell shell;

    public Quickstart(QuickstartPlan plan, Path directory, PrintStream out) {
        this.plan = plan;
        this.directory = new QuickstartDirectory(directory);
        this.out = out;
        shell = new Shell(out);
    }

    /// @param overwrite whether an earlier quickstart in the same directory may be deleted
    /// @throws CommandException when a command fails
    public void run(boolean overwrite) {
        long beganNs = System.nanoTime();
        Corpus corpus = prepare(overwrite);
        trainAndResume();
        showCurve();
        shell.run(List.of("checkpoint", "inspect", directory.checkpoint(plan.stopAfter()).toString()));
        shell.run(List.of("checkpoint", "verify", directory.run().toString()));
        shell.run(List.of("checkpoint", "export", directory.run().toString(), "--output_dir", directory.export().toString()));
        shell.run(List.of("generate", "--model", directory.export().toString(), "--prompt", corpus.prompt(), "--max_new_tokens", "64",
                "--do_sample", "--temperature", "0.7", "--top_p", "0.95", "--seed", "7"));
        next((System.nanoTime() - beganNs) / 1e9);
    }

    /// Ends what is running, in order.
    public void stop() {
        shell.close();
    }

    private Corpus prepare(boolean overwrite) {
        title("The text, the tokenizer and the model's shape");
        try {
            directory.create(overwrite);
            Corpus corpus = Corpus.extract(Path.of(System.getProperty("java.home")), directory.data());
            Resources.copy("tokenizer.json", directory.tokenizer().resolve("tokenizer.json"));
            Resources.copy("tokenizer_config.json", directory.tokenizer().resolve("tokenizer_config.json"));
            Resources.copy("config.json", directory.config());
            out.println("%s: %s".formatted(directory.data(), corpus.description()));
            out.println("%s: byte-level BPE of 8192 tokens, for Java, English and Japanese".formatted(directory.tokenizer()));
            out.println("%s: a Llama of 4 layers, 256 wide, 4 heads and 2 for keys and values".formatted(directory.config()));
            return corpus;
        } catch (IOException e) {
            throw new CommandException("%s cannot be written (%s); name another place with --output_dir.".formatted(directory.root(), e), e);
        }
    }

    private void trainAndResume() {
        title("Pretraining on %s, each holding its shard of every parameter".formatted(ranks(plan.ranks())));
        int exitStatus = shell.run(train(plan.ranks()), () -> directory.isCommitted(plan.stopAfter()));
        if (exitStatus != 0 && !directory.isCommitted(plan.stopAfter())) {
            throw new CommandException("'kintsugi train' ended with exit status %d, so the quickstart stops here.".formatted(exitStatus));
        }
        if (exitStatus == 0) {
            out.println("It was done before it could be stopped to show a resume: --steps %d is few for that.".formatted(plan.steps()));
            return;
        }
        title("Stopped on purpose after checkpoint %d; the rest on %s, with the same losses to the bit"
                .formatted(plan.stopAfter(), ranks(plan.resumeRanks())));
        List<String> resumed = new ArrayList<>(train(plan.resumeRanks()));
        resumed.addAll(List.of("--resume_from_checkpoint", "latest"));
        shell.run(resumed);
    }

    private List<String> train(int ranks) {
        return List.of("train", "--local", text(ranks), "--config_name", directory.config().toString(), "--tokenizer_name",
                directory.tokenizer().toString(), "--dataset_name", directory.data().toString(), "--output_dir", directory.run().toString(),
                "--max_length", "256", "--per_device_train_batch_size", "1", "--microbatches_per_step", text(plan.microbatches()),
                "--max_steps", text(plan.steps()), "--learning_rate", "3e-3", "--lr_scheduler_type", "cosine", "--warmup_steps",
                text(plan.warmupSteps()), "--weight_decay", "0.01", "--adam_beta2", "0.95", "--save_steps", text(plan.saveSteps()),
                "--logging_steps", text(plan.loggingSteps()));
    }

    private void showCurve() {
        title("What it learnt");
        LossCurve curve = LossCurve.read(directory.run().resolve("metrics.jsonl"));
        out.println(Sparkline.of(curve.losses(), CURVE_COLUMNS));
        out.println(String.format(Locale.ROOT, "loss %.3f at step %d, %.3f over the last %d steps; picture: %s", curve.losses()[0],
                curve.steps()[0], curve.meanOfLast(LAST_STEPS), Math.min(LAST_STEPS, curve.size()),
                directory.run().resolve("loss.png")));
    }

    private void next(double seconds) {
        title("Done in " + Quantities.duration(seconds));
        out.println("  %-34s the model, for 'kintsugi generate' and Hugging Face transformers".formatted(directory.export()));
        out.println("  %-34s the loss curve; the numbers are beside it in metrics.jsonl".formatted(directory.run().resolve("loss.png")));
        out.println("  %-34s checkpoints, a file a rank, and the ranks' logs".formatted(directory.run()));
        out.println("""

                Next:
                  kintsugi train --help                  every flag, and how to train on your own text
                  kintsugi eval --model %1$s --dataset FILE --json
                  kintsugi generate --model %1$s --prompt 'import java.util' --max_new_tokens 32
                  kintsugi coordinator                   a service for many machines; then, on each machine:
                  kintsugi agent --slots 2 --coordinator HOST:7780
                  kintsugi submit JOB.yaml --watch       queue a job on it""".formatted(directory.export()));
    }

    private void title(String text) {
        out.println();
        out.println("== " + text);
    }

    private static String ranks(int ranks) {
        return ranks == 1 ? "1 rank" : ranks + " ranks";
    }

    private static String text(int number) {
        return Integer.toString(number);
    }
}
