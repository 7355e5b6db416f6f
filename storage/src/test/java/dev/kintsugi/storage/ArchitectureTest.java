package dev.kintsugi.storage;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// docs/design.md section 3: storage sees no other module of ours.
@AnalyzeClasses(packages = "dev.kintsugi.storage", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule SEES_NO_OTHER_MODULE = noClasses().should().dependOnClassesThat(JavaClass.Predicates.resideInAPackage("dev.kintsugi..")
            .and(JavaClass.Predicates.resideOutsideOfPackage("dev.kintsugi.storage..")));
}
