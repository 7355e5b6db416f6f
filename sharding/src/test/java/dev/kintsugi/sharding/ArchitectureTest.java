package dev.kintsugi.sharding;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// Pure arithmetic: no sockets, threads, files or clocks.
@AnalyzeClasses(packages = "dev.kintsugi.sharding", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule PURE = noClasses().should().dependOnClassesThat().resideInAnyPackage("java.net..", "java.nio.file..",
            "java.nio.channels..", "java.util.concurrent..", "io.grpc..", "java.time..", "dev.kintsugi.worker..", "dev.kintsugi.coordinator..");
    @ArchTest
    static final ArchRule NO_FILES = noClasses().should().dependOnClassesThat().haveFullyQualifiedName("java.io.File")
            .orShould().dependOnClassesThat().haveFullyQualifiedName("java.io.InputStream")
            .orShould().dependOnClassesThat().haveFullyQualifiedName("java.lang.Thread");
    @ArchTest
    static final ArchRule NO_CLOCKS = noClasses().should().callMethod(System.class, "nanoTime")
            .orShould().callMethod(System.class, "currentTimeMillis");
}
