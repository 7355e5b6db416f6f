package dev.kintsugi.client;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// The client speaks protocol only: it starts processes, it trains nothing.
@AnalyzeClasses(packages = "dev.kintsugi.client", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule SEES_ONLY_THE_CONTRACTS = noClasses().should().dependOnClassesThat()
            .resideInAnyPackage("dev.kintsugi.worker..", "dev.kintsugi.coordinator..", "dev.kintsugi.sharding..").allowEmptyShould(true);
}
