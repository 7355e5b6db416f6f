package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Verification;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.storage.Storages;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.CheckpointVerifier;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

@Command(name = "verify",
        description = {"Read every file of a checkpoint and compare each chunk's CRC-32C, sizes, digests and tensors with the manifest.",
                "Names each bad file with the range of bytes, what lies in it, and its rank. A sound checkpoint gets a verified.json.",
                "Exit status 1 if any file is bad."},
        footer = {"", "Examples:", "  kintsugi checkpoint verify out", "  kintsugi checkpoint verify out/checkpoints/step-00000250 --json"})
final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", converter = Location.class, description = "A checkpoint, a directory of checkpoints or an output_dir.")
    private StoragePath dir;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        PrintWriter err = spec.commandLine().getErr();
        return Interruption.guard(err, "nothing was changed", () -> verify(CheckpointDirectory.find(dir), err));
    }

    private int verify(CheckpointDirectory checkpoint, PrintWriter err) throws InterruptedException {
        Manifest m = checkpoint.manifest();
        List<String> problems;
        try (var progress = new ProgressLine(err)) {
            problems = CheckpointVerifier.verify(checkpoint, Runtime.getRuntime().availableProcessors(),
                    done -> progress.show("verifying", done, m.bytes()));
        }
        problems.forEach(p -> err.println("kintsugi: " + p));
        if (problems.isEmpty()) { note(checkpoint, err); }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(report(checkpoint, problems));
        } else if (problems.isEmpty()) {
            out.printf("%s: step %d is sound (%d files, %s)%n", checkpoint.path(), m.step(), m.files().size(), ByteSize.format(m.bytes()));
        }
        return problems.isEmpty() ? 0 : 1;
    }

    /// A checkpoint that has been read back once stays verified: what that rests on is the file's digests, not its date.
    private static void note(CheckpointDirectory checkpoint, PrintWriter err) {
        StoragePath file = checkpoint.path().resolve(CheckpointLayout.VERIFIED);
        Storage storage = Storages.of(file);
        try {
            if (storage.size(file).isPresent()) { return; }
            storage.replace(file, new Verification(Instant.now().toString(), version()).toJson()
                    .getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            err.printf("kintsugi: %s could not be written (%s), so it does not count as verified yet; permit writing there%n", file, StorageReason.of(e));
        }
    }

    private static String version() {
        String version = VerifyCommand.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    private static ObjectNode report(CheckpointDirectory checkpoint, List<String> problems) {
        Manifest m = checkpoint.manifest();
        ObjectNode root = new JsonMapper().createObjectNode().put("path", checkpoint.path().text()).put("step", m.step())
                .put("sound", problems.isEmpty()).put("files", m.files().size()).put("bytes", m.bytes());
        problems.forEach(root.putArray("problems")::add);
        return root;
    }
}
