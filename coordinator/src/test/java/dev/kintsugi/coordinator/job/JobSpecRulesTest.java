package dev.kintsugi.coordinator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.storage.StoragePath;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class JobSpecRulesTest {
    private static final JobSpec VALID = JobSpec.newBuilder().setOutputDir("/out/run1").setConfigName("/c").setTokenizerName("/t")
            .setDatasetName("/d").build();

    static Stream<Arguments> mistakes() {
        return Stream.of(mistake("--output_dir is missing", JobSpec.Builder::clearOutputDir),
                mistake("--dataset_name is missing", JobSpec.Builder::clearDatasetName),
                mistake("neither --model_name nor --config_name", JobSpec.Builder::clearConfigName),
                mistake("--model_name=/m and --config_name=/c exclude each other", s -> s.setModelName("/m")),
                mistake("--config_name needs --tokenizer_name", JobSpec.Builder::clearTokenizerName),
                mistake("--world_size=0 must be at least 1", s -> s.setWorldSize(0)),
                mistake("--world_size=70000 must be at most 65536", s -> s.setWorldSize(70000)),
                mistake("--per_device_train_batch_size=0", s -> s.setPerDeviceTrainBatchSize(0)),
                mistake("--gradient_accumulation_steps=-1", s -> s.setGradientAccumulationSteps(-1)),
                mistake("--microbatches_per_step=0", s -> s.setMicrobatchesPerStep(0)),
                mistake("--max_length=1 must be at least 2", s -> s.setMaxLength(1)),
                mistake("--max_steps=-1", s -> s.setMaxSteps(-1)), mistake("--num_train_epochs=0.0", s -> s.setNumTrainEpochs(0)),
                mistake("--lr_scheduler_type=sine is unknown; use one of linear,", s -> s.setLrSchedulerType("sine")),
                mistake("--optim=lion_32bit is unknown; use one of adamw_torch,", s -> s.setOptim("lion_32bit")),
                mistake("--learning_rate=-1.0 must be a number of at least 0", s -> s.setLearningRate(-1)),
                mistake("--on_divergence=rewind is unknown; use one of stop, skip", s -> s.setOnDivergence("rewind")),
                mistake("--divergence_budget=2 is for --on_divergence skip alone", s -> s.setDivergenceBudget(2)),
                mistake("--divergence_budget=0 must be at least 1", s -> s.setOnDivergence("skip").setDivergenceBudget(0)),
                mistake("--optim_args nesterov=True needs a momentum above 0", s -> s.setOptim("sgd").setOptimArgs("nesterov=True")),
                mistake("--optim_args alpha is not for --optim sgd, which takes dampening, momentum, nesterov",
                        s -> s.setOptim("sgd").setOptimArgs("alpha=0.9")),
                mistake("--optim_args weight_decay is not for --optim rmsprop, which takes alpha, centered, eps, momentum; pass --weight_decay instead",
                        s -> s.setOptim("rmsprop").setOptimArgs("weight_decay=0.9")),
                mistake("--lr_scheduler_type warmup_stable_decay needs --lr_scheduler_kwargs num_decay_steps=STEPS",
                        s -> s.setLrSchedulerType("warmup_stable_decay")),
                mistake("--learning_rate=NaN", s -> s.setLearningRate(Double.NaN)),
                mistake("--warmup_ratio=1.5 must be between 0 and 1", s -> s.setWarmupRatio(1.5)),
                mistake("--warmup_steps=2.5 is neither", s -> s.setWarmupSteps(2.5)),
                mistake("--weight_decay=-0.1", s -> s.setWeightDecay(-0.1)),
                mistake("--adam_beta1=1.0 must be at least 0 and below 1", s -> s.setAdamBeta1(1)),
                mistake("--adam_beta2=-0.5", s -> s.setAdamBeta2(-0.5)), mistake("--adam_epsilon=0.0", s -> s.setAdamEpsilon(0)),
                mistake("--max_grad_norm=-1.0", s -> s.setMaxGradNorm(-1)), mistake("--logging_steps=0", s -> s.setLoggingSteps(0)),
                mistake("--save_steps=-5", s -> s.setSaveSteps(-5)), mistake("--save_total_limit=0", s -> s.setSaveTotalLimit(0)),
                mistake("--threads=0", s -> s.setThreads(0)), mistake("--max_restarts=-1", s -> s.setMaxRestarts(-1)),
                mistake("--ddp_timeout=0", s -> s.setDdpTimeout(0)), mistake("--transport=9 is unknown", s -> s.setTransportValue(9)),
                mistake("--sharding_strategy=9 is unknown; use FULL_SHARD, SHARD_GRAD_OP,", s -> s.setShardingStrategyValue(9)),
                mistake("--hybrid_shard_size=0 must be at least 1",
                        s -> s.setShardingStrategy(ShardingStrategy.HYBRID_SHARD).setHybridShardSize(0)),
                mistake("--hybrid_shard_size=2 is for --sharding_strategy HYBRID_SHARD alone", s -> s.setHybridShardSize(2)),
                mistake("--hybrid_shard_size=2 is for", s -> s.setShardingStrategy(ShardingStrategy.NO_SHARD).setHybridShardSize(2)),
                mistake("--activation_checkpointing=some is unknown; use one of none, selective, full", s -> s.setActivationCheckpointing("some")),
                mistake("--gradient_checkpointing True means --activation_checkpointing full, not none",
                        s -> s.setGradientCheckpointing(true).setActivationCheckpointing("none")),
                mistake("--peak_tflops=0.0 must be above 0; leave it out to have it measured", s -> s.setPeakTflops(0)),
                mistake("--save_strategy=epoch is unknown; use one of steps, no", s -> s.setSaveStrategy("epoch")),
                mistake("--chat_template_format=alpaca", s -> s.setChatTemplateFormat("alpaca")),
                mistake("--label_smoothing_factor=1.0 must be at least 0 and below 1", s -> s.setLabelSmoothingFactor(1)),
                mistake("--packing_strategy=best is unknown; use one of bfd, wrapped", s -> s.setPackingStrategy("best")),
                mistake("--packing_strategy=bfd is for --packing True", s -> s.setPackingStrategy("bfd")),
                mistake("--packing_strategy=wrapped is for --packing True", s -> s.setPacking(false).setPackingStrategy("wrapped")),
                mistake("--splits=a,b,c must name a split to train on", s -> s.setSplits("a,b,c")),
                mistake("--splits=train, must name", s -> s.setSplits("train,")),
                mistake("--splits=test,test evaluates on what it trains on", s -> s.setSplits("test,test")),
                mistake("--eval_strategy=always is unknown; use one of no, steps, epoch", s -> s.setEvalStrategy("always")),
                mistake("--eval_strategy steps has nothing to evaluate on; name a second split", s -> s.setEvalSteps(5)),
                mistake("--eval_steps=0 must be at least 1", s -> evaluated(s).setEvalSteps(0)),
                mistake("--eval_steps=5 is for --eval_strategy steps alone, not epoch", s -> evaluated(s).setEvalSteps(5).setEvalStrategy("epoch")),
                mistake("--per_device_eval_batch_size=0 must be", s -> evaluated(s).setPerDeviceEvalBatchSize(0)),
                mistake("--eval_dataset_name=/data/e is not evaluated with --eval_strategy no", s -> s.setEvalDatasetName("/data/e")),
                mistake("--metric_for_best_model=accuracy is unknown", s -> evaluated(s).setMetricForBestModel("accuracy")),
                mistake("--early_stopping_patience=0", s -> evaluated(s).setEarlyStoppingPatience(0)),
                mistake("--early_stopping_patience needs evaluations", s -> s.setEarlyStoppingPatience(2)),
                mistake("--early_stopping_threshold=-1.0", s -> evaluated(s).setEarlyStoppingPatience(2).setEarlyStoppingThreshold(-1)),
                mistake("--early_stopping_threshold=0.1 needs --early_stopping_patience", s -> evaluated(s).setEarlyStoppingThreshold(0.1)),
                mistake("--load_best_model_at_end True needs evaluations", s -> s.setLoadBestModelAtEnd(true)),
                mistake("--load_best_model_at_end True needs checkpoints", s -> evaluated(s).setLoadBestModelAtEnd(true).setSaveStrategy("no")),
                mistake("--train_sampling_strategy=length", s -> s.setTrainSamplingStrategy("length")));
    }

    private static JobSpec.Builder evaluated(JobSpec.Builder spec) {
        return spec.setEvalStrategy("steps").setSplits("train, test");
    }

    @Test
    void shouldFillWhatEvaluationsNeed() {
        JobSpec spec = fill(VALID.toBuilder().setSplits("train,test").setEvalStrategy("steps").setLoggingSteps(25).setPerDeviceTrainBatchSize(3));
        assertThat(spec.getEvalSteps()).isEqualTo(25);
        assertThat(spec.getPerDeviceEvalBatchSize()).isEqualTo(3);
        assertThat(spec.getMetricForBestModel()).isEqualTo("eval_loss");
        assertThat(fill(VALID.toBuilder().setSplits("train,test").setEvalSteps(7)).getEvalStrategy()).isEqualTo("steps");
        assertThat(fill(VALID.toBuilder().setSplits("train,test")).getEvalStrategy()).isEqualTo("no");
    }

    private static Arguments mistake(String message, UnaryOperator<JobSpec.Builder> change) {
        return Arguments.of(message, change);
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void shouldNameTheFlagAndWhatToDo(String message, UnaryOperator<JobSpec.Builder> change) {
        JobSpec spec = change.apply(VALID.toBuilder()).build();
        assertThatThrownBy(() -> JobSpecRules.check(spec)).isInstanceOf(InvalidJobException.class).hasMessageContaining(message);
    }

    @Test
    void shouldTakeWhatIsRight() {
        assertThatCode(() -> JobSpecRules.check(VALID)).doesNotThrowAnyException();
        assertThatCode(() -> JobSpecRules.check(VALID.toBuilder().setWarmupSteps(0.03).setMaxGradNorm(0).setSaveSteps(0).build()))
                .doesNotThrowAnyException();
    }

    @Test
    void shouldPackAsTrlDoesWhereItIsAskedTo() {
        assertThat(fill(VALID.toBuilder().setPacking(true)).getPackingStrategy()).isEqualTo("bfd");
        assertThat(fill(VALID.toBuilder().setPackingStrategy("wrapped")).getPackingStrategy()).isEqualTo("wrapped");
        assertThat(fill(VALID.toBuilder()).getPackingStrategy()).as("plain text is wrapped").isEmpty();
    }

    @Test
    void shouldFillTheBatchFromRanksAndAccumulation() {
        JobSpec spec = fill(VALID.toBuilder().setWorldSize(4).setGradientAccumulationSteps(3));
        assertThat(spec.getMicrobatchesPerStep()).isEqualTo(12);
        assertThat(spec.getName()).isEqualTo("run1");
        assertThat(spec.getMaxLength()).isEqualTo(256);
        assertThat(spec.getNumTrainEpochs()).isEqualTo(1);
        assertThat(fill(VALID.toBuilder().setWorldSize(4).setMicrobatchesPerStep(12)).getGradientAccumulationSteps()).isEqualTo(3);
    }

    @Test
    void shouldRefuseABatchThatDoesNotDivide() {
        assertThatThrownBy(() -> fill(VALID.toBuilder().setWorldSize(4).setMicrobatchesPerStep(6)))
                .hasMessageContaining("--microbatches_per_step=6 is not a multiple of --world_size=4");
        assertThatThrownBy(() -> fill(VALID.toBuilder().setWorldSize(2).setMicrobatchesPerStep(6).setGradientAccumulationSteps(2)))
                .hasMessageContaining("disagrees with --microbatches_per_step=6");
        assertThatThrownBy(() -> fill(VALID.toBuilder().setMaxLength(257))).hasMessageContaining("max_position_embeddings=256");
    }

    @Test
    void shouldTakeTheStrategyThatWasAskedForIfTheRanksDivide() {
        assertThat(fill(VALID.toBuilder()).getShardingStrategy()).isEqualTo(ShardingStrategy.FULL_SHARD);
        assertThat(fill(VALID.toBuilder().setShardingStrategy(ShardingStrategy.NO_SHARD)).getShardingStrategy()).isEqualTo(ShardingStrategy.NO_SHARD);
        JobSpec.Builder hybrid = VALID.toBuilder().setShardingStrategy(ShardingStrategy.HYBRID_SHARD).setWorldSize(6);
        assertThat(fill(hybrid.setHybridShardSize(3)).getHybridShardSize()).isEqualTo(3);
        assertThatThrownBy(() -> fill(hybrid.setHybridShardSize(4)))
                .hasMessageContaining("--hybrid_shard_size=4 does not divide --world_size=6; pass a divisor");
    }

    @Test
    void shouldTakeWhatTheCheckpointSaysUnlessTheSpecDisagrees() {
        var facts = Optional.of(new ResumeFacts(StoragePath.of("/out/c"), 25, 12, 64, 2, OptimizerState.ADAMW));
        JobSpec spec = JobSpecDefaults.fill(VALID.toBuilder().setWorldSize(3).build(), 256, facts);
        assertThat(spec.getMicrobatchesPerStep()).isEqualTo(12);
        assertThat(spec.getGradientAccumulationSteps()).isEqualTo(4);
        assertThat(spec.getMaxLength()).isEqualTo(64);
        assertThat(spec.getPerDeviceTrainBatchSize()).isEqualTo(2);
        assertThat(JobSpecDefaults.fill(VALID.toBuilder().setMicrobatchesPerStep(6).build(), 256, facts).getMicrobatchesPerStep()).isEqualTo(6);
        assertThatThrownBy(() -> JobSpecDefaults.fill(VALID.toBuilder().setPerDeviceTrainBatchSize(3).build(), 256, facts))
                .hasMessageContaining("pass --per_device_train_batch_size 2");
        assertThatThrownBy(() -> JobSpecDefaults.fill(VALID.toBuilder().setMaxLength(32).build(), 256, facts))
                .hasMessageContaining("pass --max_length 64");
        assertThatThrownBy(() -> JobSpecDefaults.fill(VALID.toBuilder().setMaxSteps(20).build(), 256, facts))
                .hasMessageContaining("--max_steps=20 is less than the step=25");
    }

    private static JobSpec fill(JobSpec.Builder spec) {
        return JobSpecDefaults.fill(spec.build(), 256, Optional.empty());
    }
}
