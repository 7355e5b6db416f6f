package dev.kintsugi.client.command;

import dev.kintsugi.client.service.JobClient;
import dev.kintsugi.client.spec.JobFile;
import dev.kintsugi.client.spec.JobPaths;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobSpec;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Queues a job that a file describes, and prints its id.
@Command(name = "submit", sortOptions = false, description = "Queue the job that a YAML or JSON file describes; print its id.", footer = {
        "", "The file's keys are the flags of 'kintsugi train', such as:", "  output_dir: runs/first",
        "  config_name: config.json",
        "  tokenizer_name: tokenizer.json", "  dataset_name: corpus/", "  max_steps: 500", "  world_size: 4", "", "Examples:",
        "  kintsugi submit job.yaml", "  kintsugi submit job.yaml --coordinator head:7780 --watch"})
public final class SubmitCommand implements Callable<Integer> {
    @Parameters(paramLabel = "JOB.yaml", description = "The job file. Relative paths in it start in the current directory.")
    private Path file;

    @Mixin
    private ServiceOption service;

    @Option(names = "--watch", description = "Follow the job until it ends. Ctrl-C then cancels it.")
    private boolean watch;

    @Option(names = "--json", description = "Print the job as one JSON object instead of its id.")
    private boolean json;

    @Override
    public Integer call() {
        JobSpec spec = JobPaths.absolute(JobFile.read(file), Path.of("").toAbsolutePath());
        Interruption interruption = watch ? Interruption.install() : null;
        try (JobClient client = service.connect()) {
            Job job = client.submit(spec);
            System.out.println(json ? JobTexts.json(job) : job.getJobId());
            if (!watch) { return 0; }
            interruption.cancels(client, job.getJobId());
            return Watching.toTheEnd(client, job, interruption);
        }
    }
}
