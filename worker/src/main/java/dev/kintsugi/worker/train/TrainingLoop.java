package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.Evaluated;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.StepCompleted;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.exact.ExactSum;
import dev.kintsugi.sharding.manifest.BestEvaluation;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.data.Batches;
import dev.kintsugi.worker.data.SampleOrder;
import dev.kintsugi.worker.data.TokenBlocks;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.fsdp.GradientShards;
import dev.kintsugi.worker.fsdp.PhaseClock;
import dev.kintsugi.worker.fsdp.PhaseClock.Phase;
import dev.kintsugi.worker.fsdp.RoundInterpreter;
import dev.kintsugi.worker.kernel.DropoutMask;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.optim.GradientNorm;
import dev.kintsugi.worker.optim.LearningRateSchedule;
import dev.kintsugi.worker.optim.Optimizer;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;

/// Steps from the resume point to the end. One thread; everything that crosses ranks goes through the group.
final class TrainingLoop {
    private final JobSettings settings;
    private final ShardPlan plan;
    private final CollectiveGroup group;
    private final ShardBuffers state;
    private final List<MemorySegment> gradients;
    private final RoundInterpreter interpreter;
    private final Optimizer optimizer;
    private final GradientNorm gradientNorm;
    private final TokenBlocks data;
    private final String baseDigest;
    private final SampleOrder order;
    private final LearningRateSchedule schedule;
    private final Checkpoints checkpoints;
    private final CoordinatorLink link;
    private final MetricsFile metrics;          // null but on rank 0, like the next
    private final StepAccounting accounting;
    private final PhaseClock clock;
    private final long maxSteps;
    private final IntConsumer beforeUnit = this::beforeUnit;
    private final Divergence divergence;
    private final Evaluations evaluations;
    private final Rollback rollback;
    private final LossSpikes spikes;
    private int skippedInARow;
    private volatile Progress done;

    /// What a step has to say of all ranks together.
    private record Totals(double lossSum, double gradNorm) {}

    TrainingLoop(JobSettings settings, ShardPlan plan, CollectiveGroup group, ShardBuffers state, GradientShards gradients, RoundInterpreter interpreter,
            Optimizer optimizer, GradientNorm gradientNorm, TokenBlocks data, String baseDigest, Evaluations evaluations, Checkpoints checkpoints,
            CoordinatorLink link, MetricsFile metrics, StepAccounting accounting, PhaseClock clock, Progress from, Rollback rollback,
            LossSpikes spikes) {
        this.settings = settings;
        this.plan = plan;
        this.group = group;
        this.state = state;
        this.gradients = gradients.segments();
        this.interpreter = interpreter;
        this.optimizer = optimizer;
        this.gradientNorm = gradientNorm;
        this.data = data;
        this.baseDigest = baseDigest;
        this.order = new SampleOrder(settings.sampling(), settings.spec().getSeed(), data.size());
        this.maxSteps = settings.maxSteps(data.size(), from);
        this.schedule = settings.schedule(maxSteps);
        this.evaluations = evaluations;
        this.checkpoints = checkpoints;
        this.link = link;
        this.metrics = metrics;
        this.accounting = accounting;
        this.clock = clock;
        this.divergence = new Divergence(plan, group, state, this.gradients, interpreter, optimizer);
        this.rollback = rollback;
        this.spikes = spikes;
        this.done = from;
    }

    /// Steps done so far; safe to read from any thread.
    long step() {
        return done.steps();
    }

    long maxSteps() {
        return maxSteps;
    }

    /// Returns when the last step's checkpoint is committed, and read back.
    void run() throws InterruptedException {
        boolean hasSteps = !isOver();
        while (!isOver()) {
            group.enterStep(step() + 1);
            oneStep(done);
        }
        if (evaluations.stopsEarly() && metrics != null) { link.note(whyEarly()); }
        if (hasSteps && settings.saves()) { saveLast(); }
    }

    private boolean isOver() {
        return step() >= maxSteps || evaluations.stopsEarly();
    }

    private String whyEarly() {
        BestEvaluation best = evaluations.best().orElseThrow();
        return "stopped early after step %d: eval_loss was no better in %d evaluations than the %.4f after step %d".formatted(step(), best.stale(),
                best.metric(), best.step());
    }

    private void oneStep(Progress before) throws InterruptedException {
        long step = before.steps() + 1;
        long startNs = System.nanoTime();
        clock.begin();
        Batches.Totals samples = Batches.totals(data, order, before.samples(), settings.samplesPerStep());
        long counted = Math.max(1, samples.counted());      // where nothing counts, loss and gradients are 0
        Totals totals = accumulateGradients(before.samples(), 1.0 / counted);
        double loss = totals.lossSum / counted;
        double learningRate = schedule.at(before.steps()) * before.rateFactor();
        if (Double.isFinite(loss) && Double.isFinite(totals.gradNorm) && !spikes.isSpike(loss)) {
            spikes.add(loss);
            apply(before, samples.tokens(), totals.gradNorm, learningRate);
        } else {
            leaveOut(before, samples.tokens(), 1.0 / counted, loss, totals.gradNorm);
        }
        clock.end();
        Optional<Evaluated> evaluated = evaluations.after(before, done, step == maxSteps);
        if (!isOver()) { save(step); }
        double seconds = (System.nanoTime() - startNs) / 1e9 - evaluated.map(Evaluated::getSeconds).orElse(0.0);
        if (metrics != null) { report(done, samples.tokens(), loss, totals.gradNorm, learningRate, seconds, evaluated); }
    }

    private void save(long step) throws InterruptedException {
        if (!evaluations.savesBest() && !settings.saveDueAfter(step)) { return; }
        clock.enter(Phase.CHECKPOINT);
        if (evaluations.savesBest()) { checkpoints.awaitDecision(decisionTimeoutMs()); }     // the one before must not make it be given up
        checkpoints.save(state, trainingState());
        clock.end();
    }

    private void apply(Progress before, long tokens, double gradNorm, double learningRate) {
        double clip = GradientNorm.clipCoefficient(gradNorm, settings.spec().getMaxGradNorm());
        clock.enter(Phase.OPTIMIZER);
        optimizer.update(state, gradients, new Optimizer.Update(before.updates() + 1, learningRate, clip, gradNorm), beforeUnit);
        skippedInARow = 0;
        done = before.next(settings.samplesPerStep(), tokens);
    }

    private void beforeUnit(int unit) {
        if (!checkpoints.isSnapshotOpen()) { return; }
        clock.enter(Phase.CHECKPOINT);
        checkpoints.beforeUpdate(unit);
        clock.enter(Phase.OPTIMIZER);
    }

    /// Rank r computes micro-batches r, r + N, r + 2N ...: together with the reduce-scatter's rank order that is 0, 1, 2 ... M - 1.
    private Totals accumulateGradients(long samplesDone, double scale) {
        var loss = new ExactSum();
        for (int round = 0; round < settings.rounds(); round++) { loss.add(runRound(samplesDone, round, scale)); }
        interpreter.end();
        clock.enter(Phase.NORM);
        return exchangeTotals(loss, gradientNorm.squared(plan, group.rank(), gradients));
    }

    private double runRound(long samplesDone, int round, double scale) {
        long microbatch = (long) round * group.worldSize() + group.rank();
        long first = samplesDone + microbatch * settings.batch();
        interpreter.dropOut(DropoutMask.key(settings.spec().getSeed(), first));
        clock.enter(Phase.DATA);
        int T = Batches.fill(data, order, first, settings.batch(), interpreter.ids(), interpreter.labels(), interpreter.positions());
        return interpreter.run(T, scale, round == 0);
    }

    private Totals exchangeTotals(ExactSum loss, ExactSum squaredNorm) {
        byte[] mine = ByteBuffer.allocate(2 * ExactSum.BYTES).put(loss.toBytes()).put(squaredNorm.toBytes()).array();
        var lossOfAll = new ExactSum();
        var normOfAll = new ExactSum();
        for (byte[] part : group.exchange("totals", mine)) {
            ByteBuffer buffer = ByteBuffer.wrap(part);
            lossOfAll.add(ExactSum.read(buffer));
            normOfAll.add(ExactSum.read(buffer));
        }
        return new Totals(lossOfAll.toDouble(), Math.sqrt(normOfAll.toDouble()));
    }

    /// Decided on globally reduced values, so every rank decides the same, before any weight has changed.
    private void leaveOut(Progress before, long tokens, double scale, double loss, double gradNorm) throws InterruptedException {
        String what = Double.isFinite(loss) && Double.isFinite(gradNorm) ? spike(before, loss) : notFinite(before, scale, loss, gradNorm);
        Progress after = before.skip(settings.samplesPerStep(), tokens);
        switch (settings.spec().getOnDivergence()) {
            case "skip" -> {
                requireBudget(what, ++skippedInARow, "such steps in a row");
                note(what);
                done = after;
            }
            case "rollback" -> {
                Rollback.Outcome outcome = rollback.back(after, decisionTimeoutMs());
                requireBudget(what, outcome.times(), "rollbacks to the same place");
                done = outcome.progress();
                spikes.forget();
                note("%s; %s, with %s times the schedule's rate".formatted(what, outcome.text(), done.rateFactor()));
            }
            default -> throw new CallerException(what + "; lower --learning_rate or --max_grad_norm and resume with --resume_from_checkpoint True, or pass"
                    + " --on_divergence skip or rollback");
        }
    }

    private String notFinite(Progress before, double scale, double loss, double gradNorm) {
        String why = divergence.explain(settings.rounds(), round -> runRound(before.samples(), round, scale), before.updates(),
                schedule.at(Math.max(0, before.steps() - 1)) * before.rateFactor());
        return "step %d is not finite (loss=%s grad_norm=%s) and was not applied; %s".formatted(before.steps() + 1, loss, gradNorm, why);
    }

    private String spike(Progress before, double loss) {
        return "step %d was not applied: its loss=%.4f is %.1f deviations above those before, and --loss_spike_threshold=%s".formatted(before.steps() + 1, loss,
                spikes.score(loss), settings.spec().getLossSpikeThreshold());
    }

    private void requireBudget(String what, int times, String ofWhat) {
        if (times <= settings.spec().getDivergenceBudget()) { return; }
        throw new CallerException("%s; more than --divergence_budget=%d %s: lower --learning_rate or --max_grad_norm and resume with".formatted(what,
                settings.spec().getDivergenceBudget(), ofWhat) + " --resume_from_checkpoint True");
    }

    private void note(String what) {
        if (metrics != null) { link.note(what); }
    }

    private void report(Progress done, long tokens, double loss, double gradNorm, double learningRate, double seconds,
            Optional<Evaluated> evaluated) {
        StepMetrics.Builder builder = accounting.metrics(done, tokens, loss, gradNorm, learningRate, seconds).toBuilder();
        evaluated.ifPresent(builder::setEvaluated);
        StepMetrics m = builder.build();
        metrics.append(m);
        link.send(RankEvent.newBuilder().setStepCompleted(StepCompleted.newBuilder().setMetrics(m)));
    }

    private TrainingState trainingState() {
        var training = TrainingState.newBuilder().setStep(done.steps()).setSkippedSteps(done.skipped()).setSamplesSeen(done.samples())
                .setTokensSeen(done.tokens()).setMicrobatchesPerStep(settings.microbatches())
                .setSeed(settings.spec().getSeed()).setDatasetDigest(data.digest()).setBaseDigest(baseDigest);
        if (done.rateFactor() != 1) { training.setRateFactor(done.rateFactor()); }
        training.addAllRecentLosses(spikes.recent());
        evaluations.best().ifPresent(b -> training.setBest(b.toProto()));
        return training.build();
    }

    /// There is no later one to make up for it, so it waits for the save before it, and then for its own.
    private void saveLast() throws InterruptedException {
        checkpoints.awaitDecision(decisionTimeoutMs());
        checkpoints.save(state, trainingState());
        String failure = checkpoints.awaitDecision(decisionTimeoutMs());
        if (failure == null) { failure = checkpoints.awaitVerified(decisionTimeoutMs()); }
        if (failure != null) { throw new WorldException("storage", "the last checkpoint, of step %d, was not saved: %s".formatted(step(), failure)); }
    }

    private long decisionTimeoutMs() {
        return settings.spec().getDdpTimeout() * 1000L;
    }
}
