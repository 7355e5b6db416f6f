package dev.kintsugi.coordinator;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// The coordinator never touches tensors, and never sees the worker.
@AnalyzeClasses(packages = "dev.kintsugi.coordinator", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule SEES_NO_WORKER_OR_CLIENT = noClasses().should().dependOnClassesThat()
            .resideInAnyPackage("dev.kintsugi.worker..", "dev.kintsugi.client..").allowEmptyShould(true);
    @ArchTest
    static final ArchRule TOUCHES_NO_TENSORS = noClasses().should().dependOnClassesThat()
            .haveFullyQualifiedName("java.lang.foreign.MemorySegment").allowEmptyShould(true);
}
