package dev.kintsugi.client.report;

import dev.kintsugi.proto.v1.Evaluated;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.proto.v1.WatchJobResponse;
import java.io.PrintStream;
import java.util.function.Consumer;

/// Shows a job as it goes. On a terminal of known width, the newest step is a bar on the last line and everything else scrolls above
/// it, with the last evaluation; in a pipe there is a plain line for the first step, for every `logging_steps`-th, for the last, and for each that
/// was followed by an evaluation.
public final class Report implements Consumer<WatchJobResponse> {
    private static final String CLEAR_LINE = "\r\u001b[2K";

    private final PrintStream out;
    private final int width;
    private final Pace pace = new Pace();
    private JobState state = JobState.JOB_STATE_UNSPECIFIED;
    private long generation;
    private String bar = "";
    private boolean memoryShown;
    private Evaluated evaluated;        // null before the first one

    /// @param width columns of the terminal, 0 for a pipe
    public Report(PrintStream out, int width) {
        this.out = out;
        this.width = width;
    }

    @Override
    public void accept(WatchJobResponse change) {
        Job job = change.getJob();
        state(job);
        change.getNotesList().forEach(this::line);
        memory(job);
        for (StepMetrics step : change.getStepsList()) {
            pace.add(step);
            step(step, job);
        }
    }

    /// Prints a line above the bar.
    public void line(String text) {
        out.println(bar.isEmpty() ? text : CLEAR_LINE + text);
        out.print(bar);
        out.flush();
    }

    /// Leaves the bar where it is and goes below it.
    public void finish() {
        if (!bar.isEmpty()) { out.println(); }
        bar = "";
    }

    private void state(Job job) {
        if (job.getGeneration() > generation && generation > 0) { line("attempt %d starts".formatted(job.getGeneration())); }
        generation = Math.max(generation, job.getGeneration());
        if (job.getState() == state) { return; }
        state = job.getState();
        switch (state) {
            case QUEUED -> line("waiting for %d free slot(s) ...".formatted(Math.max(1, job.getSpec().getWorldSize())));
            case STARTING -> line("starting the ranks ...");
            case RUNNING -> line(job.getStep() > 0 ? "training, from step %d".formatted(job.getStep()) : "training");
            case STOPPING -> line(job.getMessage().isEmpty() ? "stopping ..." : "stopping: " + job.getMessage());
            case SUCCEEDED, FAILED, CANCELLED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> {
                // The command that watches says how it ended.
            }
        }
    }

    private void memory(Job job) {
        if (memoryShown || job.getMemoryCount() == 0 || job.getMemoryCount() < job.getSpec().getWorldSize()) { return; }
        memoryShown = true;
        line(Summary.memory(job.getMemoryList()));
        Summary.loading(job.getMemoryList()).forEach(this::line);
    }

    private void step(StepMetrics step, Job job) {
        double remaining = pace.remainingSeconds(step.getStep(), job.getMaxSteps());
        if (width > 0) {
            if (step.hasEvaluated()) { evaluated = step.getEvaluated(); }
            bar = ProgressLine.bar(evaluated == null ? step : step.toBuilder().setEvaluated(evaluated).build(), job.getMaxSteps(), remaining, width);
            out.print(CLEAR_LINE + bar);
            out.flush();
        } else if (step.hasEvaluated() || isLogged(step.getStep(), job)) {
            out.println(ProgressLine.plain(step, job.getMaxSteps(), remaining));
            out.flush();
        }
    }

    private static boolean isLogged(long step, Job job) {
        int every = Math.max(1, job.getSpec().getLoggingSteps());
        return step == 1 || step % every == 0 || step == job.getMaxSteps();
    }
}
