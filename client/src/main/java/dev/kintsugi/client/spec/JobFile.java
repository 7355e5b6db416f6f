package dev.kintsugi.client.spec;

import dev.kintsugi.proto.v1.JobSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/// Reads a job file: YAML, or JSON (which is YAML), whose keys are the fields of a [JobSpec].
public final class JobFile {
    private JobFile() {
    }

    /// @throws UsageException in one sentence that names the file and key, when it cannot be read as a job
    public static JobSpec read(Path file) {
        JsonNode root = parse(file);
        if (!root.isObject()) {
            throw new UsageException("%s holds no job; write one 'field: value' on each line, such as 'output_dir: runs/first'."
                    .formatted(file));
        }
        JobSpec.Builder spec = JobSpec.newBuilder();
        for (Map.Entry<String, JsonNode> entry : root.properties()) {
            set(spec, entry.getKey(), entry.getValue(), file);
        }
        return spec.build();
    }

    private static JsonNode parse(Path file) {
        try {
            return YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build().readTree(Files.readAllBytes(file));
        } catch (NoSuchFileException _) {
            throw new UsageException("%s does not exist; give the path of a job file.".formatted(file));
        } catch (IOException e) {
            throw new UsageException(
                    "%s cannot be read (%s); give the path of a readable job file.".formatted(file, e.getMessage()));
        } catch (JacksonException e) {
            throw new UsageException("%s is neither YAML nor JSON: %s; correct it there."
                    .formatted(place(file, e), e.getOriginalMessage().lines().findFirst().orElse("it does not parse")));
        }
    }

    private static String place(Path file, JacksonException e) {
        return e.getLocation() == null || e.getLocation().getLineNr() < 0
                ? file.toString()
                : file + " line " + e.getLocation().getLineNr();
    }

    private static void set(JobSpec.Builder spec, String key, JsonNode value, Path file) {
        JobField field = JobFields.named(key);
        if (field == null) {
            throw new UsageException("%s has the unknown field %s%s".formatted(file, key, orFields(key)));
        }
        if (!value.isValueNode()) {
            throw new UsageException("%s in %s must be one value, not a list or a table.".formatted(key, file));
        }
        if (!value.isNull()) { field.set(spec, value.asString(), "%s in %s".formatted(key, file)); }
    }

    private static String orFields(String key) {
        String hint = Nearest.hint(key, JobFields.names());
        return hint.isEmpty() ? "; 'kintsugi train --help' lists the fields." : hint;
    }
}
