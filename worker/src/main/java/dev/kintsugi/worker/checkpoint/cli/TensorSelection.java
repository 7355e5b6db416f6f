package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.manifest.SavedUnit;
import dev.kintsugi.worker.failure.CallerException;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// The tensors of a checkpoint that `--tensor` asks for.
///
/// @param name empty for all of them
record TensorSelection(Manifest manifest, String name) {
    TensorSelection {
        Pattern pattern = pattern(name);
        if (manifest.parameters().stream().noneMatch(p -> pattern.matcher(p.name()).find())) {
            throw new CallerException("tensor=%s: the checkpoint has no tensor of that name; kintsugi checkpoint inspect without --tensor names all"
                    .formatted(name));
        }
    }

    private static Pattern pattern(String name) {
        if (!name.contains("*") && !name.contains("?")) { return Pattern.compile(Pattern.quote(name)); }
        String glob = name.chars().mapToObj(c -> c == '*' ? ".*" : c == '?' ? "." : Pattern.quote(Character.toString(c))).collect(Collectors.joining());
        return Pattern.compile("^" + glob + "$");
    }

    boolean isAll() {
        return name.isEmpty();
    }

    List<SavedParameter> of(SavedUnit unit) {
        Pattern pattern = pattern(name);
        return unit.parameters().stream().filter(p -> pattern.matcher(p.name()).find()).toList();
    }

    List<SavedParameter> parameters() {
        return manifest.units().stream().flatMap(u -> of(u).stream()).toList();
    }
}
