package dev.kintsugi.client.spec;

import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import dev.kintsugi.proto.v1.JobSpec;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// One field of a [JobSpec]: its name is its flag (`--name`) and its key in a job file.
///
/// @param group the heading under which help shows it
/// @param description what it does and its default, for help
public record JobField(FieldDescriptor descriptor, String group, String description) {
    private static final Set<String> LOWER_CASE = Set.of("Transport", "LoadMode");

    public String name() {
        return descriptor.getName();
    }

    public String flag() {
        return "--" + name();
    }

    public boolean isBoolean() {
        return descriptor.getJavaType() == FieldDescriptor.JavaType.BOOLEAN;
    }

    /// What stands for the value in help: N, X, TEXT, True|False or the choices.
    public String valueLabel() {
        return switch (descriptor.getJavaType()) {
            case INT, LONG -> "N";
            case FLOAT, DOUBLE -> "X";
            case BOOLEAN -> "True|False";
            case ENUM -> String.join("|", choices(descriptor.getEnumType()));
            case STRING, BYTE_STRING, MESSAGE -> name().endsWith("_dir") ? "DIR" : "TEXT";
        };
    }

    /// Sets this field to what `text` says.
    ///
    /// @param where how to name the field in an error: `--max_steps` or `max_steps in job.yaml`
    /// @throws UsageException when the text is not a value of the field's type
    public void set(JobSpec.Builder spec, String text, String where) {
        spec.setField(descriptor, parse(text.strip(), where));
    }

    private Object parse(String text, String where) {
        return switch (descriptor.getJavaType()) {
            case INT -> Math.toIntExact(wholeNumber(text, where, Integer.MIN_VALUE, Integer.MAX_VALUE));
            case LONG -> wholeNumber(text, where, Long.MIN_VALUE, Long.MAX_VALUE);
            case DOUBLE -> number(text, where);
            case BOOLEAN -> truth(text, where);
            case ENUM -> choice(text, where);
            case STRING -> text;
            case FLOAT, BYTE_STRING, MESSAGE ->
                throw new AssertionError(name() + ": no flag can have type " + descriptor.getType());
        };
    }

    private static long wholeNumber(String text, String where, long least, long most) {
        try {
            long value = Long.parseLong(text);
            if (value >= least && value <= most) { return value; }
        } catch (NumberFormatException _) {
            // Said below, as for a number that is too large.
        }
        throw new UsageException("%s=%s is not a whole number; write one like 500.".formatted(where, text));
    }

    private static double number(String text, String where) {
        try {
            double value = Double.parseDouble(text);
            if (Double.isFinite(value)) { return value; }
        } catch (NumberFormatException _) {
            // Said below, as for an infinite one.
        }
        throw new UsageException("%s=%s is not a number; write one like 0.1 or 5e-5.".formatted(where, text));
    }

    /// @throws UsageException unless the text is a way of writing true or false
    public static boolean truth(String text, String where) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true", "1", "yes", "on" -> true;
            case "false", "0", "no", "off" -> false;
            default -> throw new UsageException("%s=%s is not a truth value; write True or False.".formatted(where, text));
        };
    }

    private EnumValueDescriptor choice(String text, String where) {
        return descriptor.getEnumType().getValues().stream()
                .filter(value -> value.getNumber() != 0)
                .filter(value -> value.getName().equalsIgnoreCase(text) || Integer.toString(value.getNumber()).equals(text))
                .findFirst()
                .orElseThrow(() -> new UsageException("%s=%s is not one of the choices; write one of %s."
                        .formatted(where, text, String.join(", ", choices(descriptor.getEnumType())))));
    }

    private static List<String> choices(EnumDescriptor type) {
        return type.getValues().stream()
                .filter(value -> value.getNumber() != 0)
                .map(value -> LOWER_CASE.contains(type.getName()) ? value.getName().toLowerCase(Locale.ROOT) : value.getName())
                .toList();
    }
}
