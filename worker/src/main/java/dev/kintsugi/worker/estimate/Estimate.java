package dev.kintsugi.worker.estimate;

import dev.kintsugi.sharding.estimate.MemoryEstimator;
import dev.kintsugi.sharding.estimate.ModelFlops;
import dev.kintsugi.sharding.estimate.PhaseRates;
import dev.kintsugi.sharding.estimate.StepPhase;
import dev.kintsugi.sharding.estimate.StepSeconds;
import dev.kintsugi.sharding.estimate.StepWork;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import java.util.Locale;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// What is known of a job before it runs, as text and as JSON.
///
/// @param rates null when nothing was measured
/// @param cores of this machine, over which its ranks spread
record Estimate(Workload job, PhaseRates rates, int cores) {
    private static final double MIB = 1 << 20;

    String text() {
        StepWork work = job.work();
        var out = new StringBuilder();
        line(out, "%d ranks, %,d tokens a step, %,d parameters", job.worldSize(), job.tokensPerStep(), parameters());
        line(out, "memory of a rank   %,.0f MiB of tensors", memory().totalBytes() / MIB);
        for (MemoryEstimator.Item item : memory().items()) { line(out, "  %-20s %,10.1f MiB", item.purpose(), item.bytes() / MIB); }
        line(out, "model FLOPs        %.3e a step (6 P D); attention %.3e more", flops(), attentionFlops());
        line(out, "work of a rank     forward %.3e FLOP, backward %.3e, loss %.3e; gather %,.0f MiB, scatter %,.0f MiB read and written",
                work.amount(StepPhase.FORWARD), work.amount(StepPhase.BACKWARD), work.amount(StepPhase.LOSS), work.amount(StepPhase.GATHER) / MIB,
                work.amount(StepPhase.SCATTER) / MIB);
        if (rates != null) { time(out, work); }
        return out.toString();
    }

    private void time(StringBuilder out, StepWork work) {
        StepSeconds seconds = seconds();
        line(out, "time of a step     %.3f s, %,.0f tokens/s%s", seconds.step(), job.tokensPerStep() / seconds.step(),
                ranksPerCore() > 1 ? " (%.3g ranks a core)".formatted(ranksPerCore()) : "");
        for (StepPhase p : StepPhase.values()) {
            boolean operations = p == StepPhase.FORWARD || p == StepPhase.LOSS || p == StepPhase.BACKWARD;
            line(out, "  %-20s %8.3f s   %.1f %s", p.key(), seconds.of(p), rates.perSecond().get(p) / 1e9, operations ? "GFLOP/s" : "GB/s");
        }
        line(out, "  %-20s %8.3f s", "waiting", seconds.waiting());
    }

    private static void line(StringBuilder out, String format, Object... values) {
        out.append(String.format(Locale.ROOT, format, values)).append('\n');
    }

    String json() {
        ObjectNode root = new JsonMapper().createObjectNode();
        StepWork work = job.work();
        root.put("world_size", job.worldSize()).put("tokens_per_step", job.tokensPerStep()).put("parameters", parameters())
                .put("memory_bytes", memory().totalBytes()).put("model_flops", flops()).put("attention_flops", attentionFlops())
                .put("gather_bytes", (long) work.amount(StepPhase.GATHER)).put("scatter_bytes", (long) work.amount(StepPhase.SCATTER));
        ObjectNode items = root.putObject("memory");
        memory().items().forEach(item -> items.put(item.purpose(), item.bytes()));
        if (rates != null) {
            StepSeconds seconds = seconds();
            root.put("step_seconds", seconds.step()).put("tokens_per_second", job.tokensPerStep() / seconds.step())
                    .put("ranks_per_core", ranksPerCore());
            ObjectNode phases = root.putObject("seconds");
            ObjectNode perSecond = root.putObject("rates");
            for (StepPhase p : StepPhase.values()) {
                phases.put(p.key(), seconds.of(p));
                perSecond.put(p.key(), rates.perSecond().get(p));
            }
            phases.put("waiting", seconds.waiting());
            root.put("wait_share", rates.waitShare());
        }
        return root.toString();
    }

    private StepSeconds seconds() {
        return rates.seconds(job.work(), ranksPerCore());
    }

    private double ranksPerCore() {
        return Math.max(1, (double) job.worldSize() / cores);
    }

    private MemoryEstimator.Estimate memory() {
        return MemoryEstimator.estimate(job.plan(), 0, OptimizerState.ADAMW, job.batch(), job.length(), job.dtype(), job.checkpointing(), false, 1,
                job.rounds());
    }

    private long parameters() {
        return job.plan().model().numel();
    }

    private double flops() {
        return ModelFlops.training(parameters(), job.tokensPerStep());
    }

    private double attentionFlops() {
        return ModelFlops.attention(job.config(), job.tokensPerStep() / job.length(), job.length());
    }
}
