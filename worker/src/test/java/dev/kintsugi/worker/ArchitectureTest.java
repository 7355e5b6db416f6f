package dev.kintsugi.worker;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// docs/design.md section 3: `memory <- kernel <- autograd <- model <- train`, `collective <- fsdp <- train`.
@AnalyzeClasses(packages = "dev.kintsugi", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule WORKER_DOES_NOT_SEE_COORDINATOR_OR_CLIENT = none("dev.kintsugi.worker..", "dev.kintsugi.coordinator..", "dev.kintsugi.client..");
    @ArchTest
    static final ArchRule STORAGE_KNOWS_NO_OTHER_MODULE = none("dev.kintsugi.storage..", "dev.kintsugi.worker..",
            "dev.kintsugi.sharding..", "dev.kintsugi.proto..");
    @ArchTest
    static final ArchRule MEMORY_IS_AT_THE_BOTTOM = none("..worker.memory..", "..worker.kernel..", "..worker.autograd..", "..worker.model..",
            "..worker.collective..", "..worker.fsdp..", "..worker.optim..", "..worker.data..", "..worker.checkpoint..", "..worker.train..", "..worker.agent..");
    @ArchTest
    static final ArchRule KERNELS_KNOW_NO_MODEL = none("..worker.kernel..", "..worker.autograd..", "..worker.model..", "..worker.collective..",
            "..worker.fsdp..", "..worker.optim..", "..worker.data..", "..worker.checkpoint..", "..worker.train..", "..worker.agent..");
    @ArchTest
    static final ArchRule AUTOGRAD_KNOWS_NO_MODEL = none("..worker.autograd..", "..worker.model..", "..worker.collective..", "..worker.fsdp..",
            "..worker.optim..", "..worker.data..", "..worker.checkpoint..", "..worker.train..", "..worker.agent..");
    @ArchTest
    static final ArchRule MODELS_KNOW_NO_RANKS = none("..worker.model..", "..worker.collective..", "..worker.fsdp..", "..worker.train..",
            "..worker.data..", "..worker.agent..");
    @ArchTest
    static final ArchRule COLLECTIVES_MOVE_BYTES_ONLY = none("..worker.collective..", "..worker.kernel..", "..worker.autograd..", "..worker.model..",
            "..worker.fsdp..", "..worker.optim..", "..worker.data..", "..worker.checkpoint..", "..worker.train..", "..worker.agent..");
    @ArchTest
    static final ArchRule FSDP_KNOWS_NO_JOB = none("..worker.fsdp..", "..worker.data..", "..worker.checkpoint..", "..worker.train..", "..worker.agent..");
    @ArchTest
    static final ArchRule AGENT_COMPUTES_NOTHING = none("..worker.agent..", "..worker.kernel..", "..worker.autograd..", "..worker.model..",
            "..worker.fsdp..", "..worker.data..", "..worker.checkpoint..");
    @ArchTest
    static final ArchRule TRAIN_IS_AT_THE_TOP = noClasses().that().resideOutsideOfPackage("..worker.train..").should().dependOnClassesThat()
            .resideInAPackage("..worker.train..").allowEmptyShould(true);

    private static ArchRule none(String of, String... may) {
        return noClasses().that().resideInAPackage(of).should().dependOnClassesThat().resideInAnyPackage(may).allowEmptyShould(true);
    }
}
