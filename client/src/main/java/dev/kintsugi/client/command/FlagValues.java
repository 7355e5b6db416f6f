package dev.kintsugi.client.command;

import dev.kintsugi.client.spec.BorrowedFlag;
import dev.kintsugi.client.spec.JobField;
import dev.kintsugi.client.spec.JobFields;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// Prepares the words after `train` for picocli: `--flag value` becomes `--flag=value`, so that a value may begin with a dash and a
/// truth value may be left out; `--output-dir` is `--output_dir`.
final class FlagValues {
    private static final Set<String> TRUTH = Set.of("true", "false", "1", "0", "yes", "no", "on", "off");

    private FlagValues() {
    }

    static List<String> join(List<String> words) {
        Set<String> valued = new HashSet<>(Set.of("local", "coordinator"));
        Set<String> truths = new HashSet<>();
        for (JobField field : JobFields.all()) {
            Set<String> names = field.isBoolean() ? truths : valued;
            names.add(field.name());
            names.addAll(BorrowedFlag.aliasesOf(field.name()));
        }
        Set<String> borrowed = new HashSet<>();
        BorrowedFlag.all().forEach(flag -> borrowed.add(flag.name()));

        List<String> joined = new ArrayList<>();
        for (int i = 0; i < words.size(); i++) {
            String word = underscored(words.get(i));
            String next = i + 1 < words.size() ? words.get(i + 1) : null;
            if (next != null && takes(word, next, valued, truths, borrowed)) {
                joined.add(word + "=" + next);
                i++;
            } else {
                joined.add(word);
            }
        }
        return joined;
    }

    private static boolean takes(String word, String next, Set<String> valued, Set<String> truths, Set<String> borrowed) {
        if (!word.startsWith("--") || word.contains("=")) { return false; }
        String name = word.substring(2);
        if (truths.contains(name)) { return TRUTH.contains(next.toLowerCase(Locale.ROOT)); }
        return (valued.contains(name) || borrowed.contains(name)) && !next.startsWith("--");
    }

    private static String underscored(String word) {
        if (!word.startsWith("--")) { return word; }
        int end = word.indexOf('=');
        return end < 0
                ? word.replace('-', '_').replaceFirst("^__", "--")
                : underscored(word.substring(0, end)) + word.substring(end);
    }
}
