package dev.kintsugi.client.spec;

import dev.kintsugi.proto.v1.JobSpec;
import java.nio.file.Path;

/// The coordinator and the ranks have working directories of their own, so paths are made absolute where they were typed.
public final class JobPaths {
    private JobPaths() {
    }

    /// @param directory where relative paths start
    public static JobSpec absolute(JobSpec spec, Path directory) {
        JobSpec.Builder absolute = spec.toBuilder();
        absolute.setOutputDir(resolve(spec.getOutputDir(), directory));
        absolute.setModelName(resolve(spec.getModelName(), directory));
        absolute.setConfigName(resolve(spec.getConfigName(), directory));
        absolute.setTokenizerName(resolve(spec.getTokenizerName(), directory));
        absolute.setDatasetName(resolve(spec.getDatasetName(), directory));
        absolute.setEvalDatasetName(resolve(spec.getEvalDatasetName(), directory));
        absolute.setChatTemplatePath(resolve(spec.getChatTemplatePath(), directory));
        absolute.setCheckpointDir(resolve(spec.getCheckpointDir(), directory));
        String resume = spec.getResumeFromCheckpoint();
        switch (resume.toLowerCase(java.util.Locale.ROOT)) {
            case "true", "latest" -> absolute.setResumeFromCheckpoint("latest");
            case "false" -> absolute.setResumeFromCheckpoint("");
            default -> absolute.setResumeFromCheckpoint(resolve(resume, directory));
        }
        return absolute.build();
    }

    private static String resolve(String path, Path directory) {
        if (path.isEmpty() || path.contains("://")) { return path; }
        return directory.resolve(path).normalize().toString();
    }
}
