package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.Evaluated;
import dev.kintsugi.proto.v1.JoinResponse;
import dev.kintsugi.proto.v1.LoadMemory;
import dev.kintsugi.proto.v1.LoadMode;
import dev.kintsugi.proto.v1.Peer;
import dev.kintsugi.proto.v1.Prepared;
import dev.kintsugi.proto.v1.RankCommand;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.RankFinished;
import dev.kintsugi.proto.v1.RankMemory;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.proto.v1.Transport;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.estimate.DataMemory;
import dev.kintsugi.sharding.estimate.MemoryEstimator;
import dev.kintsugi.sharding.estimate.ModelFlops;
import dev.kintsugi.sharding.estimate.StepMemory;
import dev.kintsugi.sharding.manifest.BestEvaluation;
import dev.kintsugi.sharding.manifest.TrainingPosition;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanCodec;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointReader;
import dev.kintsugi.worker.checkpoint.CheckpointWriter;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.collective.CollectiveGroups;
import dev.kintsugi.worker.collective.GroupConfig;
import dev.kintsugi.worker.collective.Journal;
import dev.kintsugi.worker.data.DatasetIndex;
import dev.kintsugi.worker.data.TokenBlocks;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.fsdp.EvaluationInterpreter;
import dev.kintsugi.worker.fsdp.FrozenShards;
import dev.kintsugi.worker.fsdp.GradientShards;
import dev.kintsugi.worker.fsdp.PhaseClock;
import dev.kintsugi.worker.fsdp.RankTensors;
import dev.kintsugi.worker.fsdp.RoundInterpreter;
import dev.kintsugi.worker.fsdp.UnshardedUnits;
import dev.kintsugi.worker.kernel.KernelFactory;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.ShardWeights;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.model.Decoder;
import dev.kintsugi.worker.optim.GradientNorm;
import dev.kintsugi.worker.optim.Optimizers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One rank's work for one generation of a job, from joining to the last committed checkpoint.
final class Rank implements CoordinatorLink.Pulse {
    private static final Logger LOG = LoggerFactory.getLogger(Rank.class);

    private final RankArguments arguments;
    private final CoordinatorLink link;
    private volatile String doing = "joining";
    private LoadingMemory loading;
    private LoadMemory loaded = LoadMemory.getDefaultInstance();
    private volatile TrainingLoop loop;
    private volatile CollectiveGroup group;
    private volatile Checkpoints checkpoints;

    Rank(RankArguments arguments, CoordinatorLink link) {
        this.arguments = arguments;
        this.link = link;
    }

    void run() throws IOException, InterruptedException {
        JoinResponse assignment = link.join(arguments.address() + ":" + DataPort.free(arguments.address()));
        loading = LoadingMemory.begin();
        link.attend(this::obey, RankMain::leave, this);
        ModelPlan plan = ShardPlanCodec.fromProto(assignment.getPlan());
        JobSettings settings = JobSettings.of(assignment.getSpec(), arguments.worldSize());
        Kernels kernels = KernelFactory.open("cpu", settings.spec().getThreads());
        LOG.info("rank {} of {}, generation {}: {}", arguments.rank(), arguments.worldSize(), arguments.generation(), kernels.description());
        try (FirstWeights source = FirstWeights.open(settings.spec(), plan, arguments.rank(), assignment.hasResume(), this::note)) {
            DataFiles files = arguments.rank() == 0 ? prepareData(settings, plan.config()) : null;
            try (CollectiveGroup opened = openGroup(assignment, plan.sharding())) {
                group = opened;
                doing = "waiting for the dataset";
                files = DataFiles.agree(group, files);
                train(assignment, settings, plan, kernels, source, files);
            }
        }
    }

    private void note(String sentence) {
        if (arguments.rank() == 0) { link.note(sentence); }
    }

    private DataFiles prepareData(JobSettings settings, ModelConfig config) {
        doing = "tokenizing the dataset";
        return DataFiles.prepare(settings, config.vocabSize(), new DatasetIndex.Listener() {
            @Override
            public void progress(long read, long total, long tokens) {
                doing = "tokenizing the dataset, %d of %d bytes".formatted(read, total);
            }

            @Override
            public void note(String sentence) {
                link.note(sentence);
            }
        });
    }

    private CollectiveGroup openGroup(JoinResponse assignment, Sharding sharding) {
        doing = "opening the collective group";
        var transport = assignment.getTransport() == Transport.AERON ? GroupConfig.Transport.AERON : GroupConfig.Transport.SHM;
        List<String> endpoints = assignment.getPeersList().stream().map(Peer::getDataEndpoint).toList();
        var config = new GroupConfig(arguments.jobId(), arguments.generation(), arguments.rank(), arguments.worldSize(), transport,
                arguments.shmDirectory(), arguments.aeronDirectory(), endpoints, Duration.ofSeconds(assignment.getSpec().getDdpTimeout()));
        return CollectiveGroups.open(config, sharding, gathersInSharedMemory(assignment, sharding) ? GroupConfig.Transport.SHM : transport);
    }

    /// A copy of the model on one host is gathered there through shared memory, unless the job asks for another transport.
    private boolean gathersInSharedMemory(JoinResponse assignment, Sharding sharding) {
        int mine = sharding.replica(arguments.rank());
        long hosts = assignment.getPeersList().stream().filter(p -> sharding.replica(p.getRank()) == mine).map(Peer::getHost).distinct().count();
        return hosts == 1 && assignment.getSpec().getTransport() == Transport.TRANSPORT_UNSPECIFIED;
    }

    private void train(JoinResponse assignment, JobSettings settings, ModelPlan plan, Kernels kernels, FirstWeights source, DataFiles files)
            throws IOException, InterruptedException {
        MemoryEstimator.Estimate estimate = MemoryEstimator.estimate(plan, arguments.rank(), settings.state(), settings.batch(), settings.length(),
                settings.dtype(), settings.checkpointing(), settings.saves(), settings.spec().getThreads(), settings.rounds());
        estimate = DataMemory.added(estimate, settings.spec(), plan);
        try (TokenBlocks data = DatasetIndex.open(files.training());
                TokenBlocks evaluationData = files.evaluation().map(DatasetIndex::open).orElse(null);
                RankTensors tensors = new RankTensors(plan.trainedPlan(), arguments.rank(), settings.state());
                FrozenShards frozen = new FrozenShards(plan, arguments.rank(), settings.dtype())) {
            doing = "loading weights";
            CheckpointReader saved = assignment.hasResume() ? CheckpointReader.open(StoragePath.of(assignment.getResume().getDirectory())) : null;
            Progress from = saved == null ? Progress.NONE : goOn(saved, settings, data);
            Optional<TrainingPosition> position = saved == null ? Optional.empty() : Optional.of(TrainingPosition.of(saved.training()));
            String baseDigest = frozen.weights().map(base -> base.dtype() + ":" + load(source.mode(), source.frozen(), base)).orElse("");
            if (saved != null) { requireSameBase(saved.training().getBaseDigest(), baseDigest, settings.spec().getModelName()); }
            String digest = startWeights(tensors, source, saved);
            loaded = loading.end();
            LOG.info(LoadingMemory.describe(loaded, LoadMemory.getDefaultInstance()));
            var prepared = Prepared.newBuilder().setParametersDigest(digest).setMaxSteps(settings.maxSteps(data.size(), from)).setSamples(data.size());
            if (prepared.getMaxSteps() > 0) {
                var ready = new Ready(data, evaluationData, tensors, frozen, baseDigest, from, position);
                train(assignment, settings, plan, kernels, ready, estimate, prepared);
            } else {        // that was all the job wanted
                link.send(RankEvent.newBuilder().setPrepared(prepared.setMemory(memory(estimate, 0))));
                link.send(RankEvent.newBuilder().setFinished(RankFinished.newBuilder().setWeightsDigest(digest)
                        .setMemory(memory(estimate, tensors.allocatedBytes() + frozen.allocatedBytes()))));
            }
        }
    }

    /// What a run begins with.
    ///
    /// @param evaluation null where nothing is evaluated
    /// @param baseDigest of what is frozen, or empty
    private record Ready(TokenBlocks data, TokenBlocks evaluation, RankTensors tensors, FrozenShards frozen, String baseDigest, Progress from,
            Optional<TrainingPosition> position) {
        /// In the order of the model's parts.
        List<ShardWeights> shards() {
            return Stream.concat(Stream.of(tensors.state().weights()), frozen.weights().stream()).toList();
        }

        long allocatedBytes() {
            return tensors.allocatedBytes() + frozen.allocatedBytes();
        }
    }

    /// What steps need beside the shards is allocated once these are loaded.
    private void train(JoinResponse assignment, JobSettings settings, ModelPlan model, Kernels kernels, Ready ready, MemoryEstimator.Estimate estimate,
            Prepared.Builder prepared) throws IOException, InterruptedException {
        ModelConfig config = model.config();
        ShardPlan plan = model.trainedPlan();
        DType dtype = settings.dtype();
        StepMemory memory = StepMemory.of(model, arguments.rank(), settings.batch(), settings.length(), dtype, settings.checkpointing(),
                settings.spec().getThreads(), settings.rounds());
        var clock = new PhaseClock();
        try (Arena tables = Arena.ofShared();
                StepArena arena = StepArena.ofBytes(Math.max(memory.bytes(), DataMemory.evaluationBytes(settings.spec(), model)));
                MetricsFile metrics = arguments.rank() == 0 ? new MetricsFile(settings.outputDir().resolve("metrics.jsonl"), ready.from.steps()) : null;
                StepAccounting accounting = arguments.rank() == 0 ? accounting(assignment, settings, model, kernels, clock) : null;
                CheckpointWriter writer = new CheckpointWriter(settings.checkpointDir(), plan, arguments.rank(), settings.state(),
                        !settings.spec().getIgnoreDiskCheck());
                Checkpoints saves = new Checkpoints(writer, link::send)) {
            checkpoints = saves;
            var units = new UnshardedUnits(model, group, dtype, ready.shards());
            var decoder = new Decoder(config, settings.length(), dtype, settings.spec().getLabelSmoothingFactor(), tables);
            var gradients = new GradientShards(plan, arguments.rank(), arena, memory);
            var interpreter = new RoundInterpreter(model, group, units, gradients, decoder, kernels, arena,
                    settings.batch(), settings.length(), dtype, settings.checkpointing(), clock);
            long positionBytes = DType.I32.bytes() * DataMemory.positions(settings.spec());
            Tensor positions = !ready.data.isJoined() ? null : new Tensor(tables.allocate(positionBytes), DType.I32, positionBytes / DType.I32.bytes());
            if (positions != null) { interpreter.separateSamples(positions.rows(0, (long) settings.batch() * settings.length())); }
            Supplier<Evaluated> evaluation = ready.evaluation == null ? null
                    : new Evaluation(ready.evaluation, group, new EvaluationInterpreter(model, units, gradients, decoder, kernels, arena,
                            settings.evaluationBatch(), settings.length(), positions), settings.evaluationBatch())::run;
            var rollback = new Rollback(settings, group, ready.tensors.state(), saves, assignment.hasResume()
                    ? StoragePath.of(assignment.getResume().getDirectory()) : null);
            var spikes = new LossSpikes(settings.spec().getLossSpikeThreshold(), ready.position.map(TrainingPosition::recentLosses).orElse(List.of()));
            Optional<BestEvaluation> best = ready.position.flatMap(TrainingPosition::best);
            loop = new TrainingLoop(settings, plan, group, ready.tensors.state(), gradients, interpreter,
                    Optimizers.open(settings.optimizer(), kernels, plan, arguments.rank(), group::exchange),
                    new GradientNorm(kernels, plan, arguments.rank()), ready.data, ready.baseDigest,
                    new Evaluations(settings.spec(), ready.data.size(), evaluation, best), saves, link, metrics, accounting, clock, ready.from,
                    rollback, spikes);
            long fixedBytes = ready.allocatedBytes() + group.allocatedBytes() + 4L * settings.length() * config.rotaryDim() + positionBytes;
            link.send(RankEvent.newBuilder().setPrepared(prepared.setMemory(memory(estimate, 0))));
            doing = "training";
            loop.run();
            link.send(RankEvent.newBuilder().setFinished(RankFinished.newBuilder().setWeightsDigest(finalDigest(plan, ready.tensors)).setLastStep(loop.step())
                    .setMemory(memory(estimate, fixedBytes + writer.allocatedBytes() + arena.usedBytes()))));
        }
    }

    private StepAccounting accounting(JoinResponse assignment, JobSettings settings, ModelPlan model, Kernels kernels, PhaseClock clock) {
        return new StepAccounting(settings, ModelFlops.countedParameters(model), clock, peak(assignment, settings, kernels));
    }

    private PeakFlops peak(JoinResponse assignment, JobSettings settings, Kernels kernels) {
        if (settings.spec().hasPeakTflops()) { return PeakFlops.given(settings.spec().getPeakTflops()); }
        doing = "measuring the matrix products' peak";
        int here = (int) assignment.getPeersList().stream().filter(p -> p.getHost().equals(arguments.hostId())).count();
        double share = PeakFlops.share(Runtime.getRuntime().availableProcessors(), Math.max(1, here), settings.spec().getThreads());
        PeakFlops peak = PeakFlops.measured(kernels, settings.dtype(), share, System.nanoTime());
        LOG.info("peak of a rank, for MFU: {} GFLOP/s in {}, measured with {}", Math.round(peak.flopsPerSecond(System.nanoTime()) / 1e9),
                settings.dtype(), kernels.description());
        return peak;
    }

    private Progress goOn(CheckpointReader saved, JobSettings settings, TokenBlocks data) {
        TrainingState training = saved.training();
        requireSameData(training.getDatasetDigest(), data);
        if (arguments.rank() == 0 && training.getMicrobatchesPerStep() != settings.microbatches()) {
            link.note("the checkpoint of step %d was made with %d micro-batches a step, now there are %d: losses will not be those that run would have had"
                    .formatted(training.getStep(), training.getMicrobatchesPerStep(), settings.microbatches()));
        }
        return Progress.of(training);
    }

    /// @param saved null unless the job goes on from it
    /// @return digest of all that is trained
    private String startWeights(RankTensors tensors, FirstWeights source, CheckpointReader saved) {
        if (saved == null) { return load(source.mode(), source.trained(), tensors.state().weights()); }
        saved.restore(tensors.state());
        return new StartingWeights(tensors.state().plan(), group).digest(tensors.state().weights());
    }

    /// @param source null on ranks that do not read
    private String load(LoadMode mode, WeightSource source, ShardWeights into) {
        var starting = new StartingWeights(into.plan(), group);
        group.barrier("shards allocated");      // so that the rate is storage's and not the slowest rank's allocation
        long startNs = System.nanoTime();
        String digest = starting.load(mode, source, into);
        double seconds = (System.nanoTime() - startNs) / 1e9;
        if (arguments.rank() == 0) {
            double gigabytes = StartingWeights.bytes(into.plan(), source) / 1e9;
            LOG.info("weights: %.3f GB in %.2f s, %.2f GB/s".formatted(gigabytes, seconds, gigabytes / seconds));
        }
        return digest;
    }

    /// Adapters mean nothing on other weights. In another dtype the same weights have another digest.
    private static void requireSameBase(String saved, String now, String modelName) {
        if (saved.equals(now) || !now.isEmpty() && !saved.startsWith(now.substring(0, now.indexOf(':') + 1))) { return; }
        throw new CallerException(("the checkpoint's adapters were trained on other weights than --model_name=%s has now (digests %.16s and %.16s); "
                + "give the model that they were trained on").formatted(modelName, saved, now));
    }

    private static void requireSameData(String digest, TokenBlocks data) {
        if (!digest.equals(data.digest())) {
            throw new CallerException(("the checkpoint was made on other data (sha256 %.12s, now %.12s); give the --dataset_name, tokenizer "
                    + "and --max_length it was trained with, or start anew in another --output_dir").formatted(digest, data.digest()));
        }
    }

    private String finalDigest(ShardPlan plan, RankTensors tensors) {
        doing = "digesting the final weights";
        return new StartingWeights(plan, group).digest(tensors.state().weights());
    }

    private RankMemory memory(MemoryEstimator.Estimate estimate, long peakBytes) {
        return RankMemory.newBuilder().setRank(estimate.rank()).setEstimatedBytes(estimate.totalBytes()).setPeakBytes(peakBytes)
                .setResidentBytes(ProcessMemory.peakResidentBytes()).setCpuLoading(loaded).build();
    }

    private void obey(RankCommand command) {
        switch (command.getCommandCase()) {
            case STOP -> RankMain.leave();
            case CHECKPOINT_COMMITTED -> checkpoints.committed(command.getCheckpointCommitted());
            case CHECKPOINT_ABANDONED -> checkpoints.abandoned(command.getCheckpointAbandoned());
            case COMMAND_NOT_SET -> LOG.warn("a command this version does not know");
        }
    }

    @Override
    public long step() {
        return loop == null ? 0 : loop.step();
    }

    @Override
    public String doing() {
        return doing;
    }

    @Override
    public List<Journal.Entry> journal() {
        return group == null ? List.of() : group.journal().snapshot();
    }
}
