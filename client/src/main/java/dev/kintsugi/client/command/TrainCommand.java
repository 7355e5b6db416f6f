package dev.kintsugi.client.command;

import dev.kintsugi.client.local.LocalCluster;
import dev.kintsugi.client.service.CommandException;
import dev.kintsugi.client.service.JobClient;
import dev.kintsugi.client.service.ServiceAddress;
import dev.kintsugi.client.spec.JobPaths;
import dev.kintsugi.client.spec.UsageException;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobSpec;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Trains: submits a job to a service and watches it, or first starts such a service on this machine for the length of the command.
@Command(name = "train", aliases = "pretrain", sortOptions = false, customSynopsis = "kintsugi train [--local N | --coordinator HOST:PORT] --output_dir DIR FLAGS", description = "Train a model, on this machine (--local N) or on a running service (--coordinator).", footer = {
        "", "Examples:",
        "  # From scratch, on 2 processes of this machine",
        "  kintsugi train --local 2 --config_name config.json --tokenizer_name tokenizer.json \\",
        "      --dataset_name corpus/ --output_dir runs/first --max_length 512 \\", "      --max_steps 500",
        "  # Go on from the newest checkpoint, on another number of processes",
        "  kintsugi train --local 4 --output_dir runs/first --resume_from_checkpoint True ...",
        "  # The same job on a cluster",
        "  kintsugi train --coordinator head:7780 --world_size 8 ..."})
public final class TrainCommand implements Callable<Integer> {
    private final JobFlags flags = new JobFlags();

    @Option(names = "--local", paramLabel = "N", description = "Run on this machine with N ranks, as processes; the default, with N = 1, without --coordinator.")
    private Integer local;

    @Option(names = "--coordinator", paramLabel = "HOST:PORT", description = "Submit to this running service instead, and watch.")
    private String coordinator;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /// The command with a flag for every field of a job.
    public static CommandLine commandLine() {
        TrainCommand command = new TrainCommand();
        CommandLine line = new CommandLine(command);
        command.flags.addTo(line.getCommandSpec());
        return line;
    }

    @Override
    public Integer call() {
        JobSpec.Builder job = flags.apply(System.err);
        if (coordinator != null) {
            if (local != null) { throw new UsageException("--local and --coordinator exclude each other; give one of them."); }
            return remote(ServiceAddress.parse(coordinator), absolute(job));
        }
        int ranks = local == null ? Math.max(1, job.getWorldSize()) : local;
        if (ranks < 1) { throw new UsageException("--local=%d is not a number of ranks; write 1 or more.".formatted(ranks)); }
        if (job.hasWorldSize() && job.getWorldSize() != ranks) {
            throw new UsageException(
                    "--local=%d and --world_size=%d disagree; give one of them.".formatted(ranks, job.getWorldSize()));
        }
        return here(absolute(job.setWorldSize(ranks)), ranks);
    }

    private static JobSpec absolute(JobSpec.Builder job) {
        return JobPaths.absolute(job.build(), Path.of("").toAbsolutePath());
    }

    private static int remote(ServiceAddress address, JobSpec job) {
        Interruption interruption = Interruption.install();
        try (JobClient client = new JobClient(address)) {
            Job accepted = client.submit(job);
            interruption.cancels(client, accepted.getJobId());
            return Watching.toTheEnd(client, accepted, interruption);
        }
    }

    private static int here(JobSpec job, int ranks) {
        Interruption interruption = Interruption.install();
        try (LocalCluster cluster = new LocalCluster()) {
            interruption.kills(cluster::kill);
            try (JobClient client = new JobClient(cluster.startCoordinator())) {
                Job accepted = client.submit(job);
                interruption.cancels(client, accepted.getJobId());
                cluster.startAgent(client.address(), ranks);
                cluster.logTo(Path.of(job.getOutputDir(), "logs"));
                cluster.whenAgentGone(() -> client.cancel(accepted.getJobId()));
                return Watching.toTheEnd(client, accepted, interruption);
            } catch (CommandException e) {
                if (interruption.isInterrupted()) { return interruption.exitStatus(); }
                CommandException death = cluster.death();
                throw death == null ? e : death;
            }
        }
    }
}
