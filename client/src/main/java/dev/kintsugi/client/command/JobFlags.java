package dev.kintsugi.client.command;

import dev.kintsugi.client.spec.BorrowedFlag;
import dev.kintsugi.client.spec.JobField;
import dev.kintsugi.client.spec.JobFields;
import dev.kintsugi.client.spec.UsageException;
import dev.kintsugi.proto.v1.JobSpec;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;

/// One flag for each field of a [JobSpec], under the field's name and its aliases, and the flags borrowed from other trainers.
final class JobFlags {
    private record Given(String flag, String value) {}

    private final Map<JobField, Given> fields = new LinkedHashMap<>();
    private final Map<BorrowedFlag, String> borrowed = new LinkedHashMap<>();

    /// Adds the flags to a command, grouped for its help.
    void addTo(CommandSpec command) {
        Map<String, ArgGroupSpec.Builder> groups = new LinkedHashMap<>();
        for (JobField field : JobFields.all()) {
            groups.computeIfAbsent(field.group(), JobFlags::group).addArg(option(field));
            addAliases(field, command);
        }
        int order = 0;
        for (ArgGroupSpec.Builder group : groups.values()) {
            command.addArgGroup(group.order(order++).build());
        }
        BorrowedFlag.all().forEach(flag -> command.addOption(option(flag)));
    }

    /// @param notes told about flags that were accepted and change nothing
    /// @return the job the flags describe, paths as they were typed
    /// @throws UsageException when a value does not fit its flag
    JobSpec.Builder apply(PrintStream notes) {
        borrowed.forEach((flag, value) -> notes.println("kintsugi: " + flag.accept(value)));
        JobSpec.Builder job = JobSpec.newBuilder();
        fields.forEach((field, given) -> field.set(job, given.value, given.flag));
        return job;
    }

    private static ArgGroupSpec.Builder group(String title) {
        return ArgGroupSpec.builder().heading("%n" + title.replace("%", "%%") + "%n").validate(false).exclusive(false)
                .multiplicity("0..1");
    }

    private OptionSpec option(JobField field) {
        List<String> aliases = BorrowedFlag.aliasesOf(field.name()).stream().map(alias -> "--" + alias).toList();
        String also = aliases.isEmpty() ? "" : " (also " + String.join(", ", aliases) + ")";
        return builder(List.of(field.flag()), field.isBoolean())
                .paramLabel(field.valueLabel())
                .description((field.description() + also).replace("%", "%%"))
                .setter(setter(value -> give(field, field.flag(), value)))
                .build();
    }

    /// An alias is an option of its own that help does not list: it is the field's flag that people should learn.
    private void addAliases(JobField field, CommandSpec command) {
        for (String alias : BorrowedFlag.aliasesOf(field.name())) {
            command.addOption(builder(List.of("--" + alias), field.isBoolean()).hidden(true)
                    .setter(setter(value -> give(field, "--" + alias, value))).build());
        }
    }

    private void give(JobField field, String flag, String value) {
        Given before = fields.put(field, new Given(flag, value));
        if (before != null && !before.value.equals(value)) {
            throw new UsageException(
                    "%s=%s and %s=%s disagree; give one of them.".formatted(before.flag, before.value, flag, value));
        }
    }

    private OptionSpec option(BorrowedFlag flag) {
        return builder(List.of("--" + flag.name()), true).hidden(true).setter(setter(value -> borrowed.put(flag, value))).build();
    }

    private static OptionSpec.Builder builder(List<String> names, boolean optionalValue) {
        OptionSpec.Builder option = OptionSpec.builder(names.toArray(String[]::new)).type(String.class);
        return optionalValue ? option.arity("0..1").fallbackValue("true") : option.arity("1");
    }

    /// Picocli also sets each option to null before it parses.
    private static ISetter setter(java.util.function.Consumer<String> consumer) {
        return new ISetter() {
            @Override
            @SuppressWarnings("unchecked")
            public <T> T set(T value) {
                if (value != null) { consumer.accept((String) value); }
                return null;
            }
        };
    }
}
