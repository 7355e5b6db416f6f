package dev.kintsugi.client.command;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.JsonFormat;
import dev.kintsugi.client.report.Quantities;
import dev.kintsugi.proto.v1.Job;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;

/// Jobs as text: a table for people, JSON with job.proto's field names for programs.
final class JobTexts {
    private static final String ROW = "%-24s  %-9s  %15s  %8s  %-16s  %s%n";

    private JobTexts() {
    }

    static String json(Job job) {
        try {
            return JsonFormat.printer().preservingProtoFieldNames().omittingInsignificantWhitespace().print(job);
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError("a job holds no Any, which alone cannot be printed", e);
        }
    }

    static String table(List<Job> jobs) {
        StringBuilder table = new StringBuilder(
                String.format(Locale.ROOT, ROW, "JOB", "STATE", "STEP", "LOSS", "SUBMITTED", "OUTPUT"));
        for (Job job : jobs) {
            String loss = job.hasLastMetrics() ? String.format(Locale.ROOT, "%.4f", job.getLastMetrics().getLoss()) : "-";
            table.append(
                    String.format(Locale.ROOT, ROW, job.getJobId(), job.getState(), steps(job), loss, time(job.getSubmittedAt()),
                            job.getSpec().getOutputDir()));
            if (!job.getMessage().isEmpty()) { table.append("  ").append(job.getMessage()).append(System.lineSeparator()); }
        }
        return table.toString();
    }

    private static String steps(Job job) {
        return Quantities.grouped(job.getStep()) + "/" + (job.getMaxSteps() > 0 ? Quantities.grouped(job.getMaxSteps()) : "?");
    }

    private static String time(Timestamp timestamp) {
        return DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm", Locale.ROOT)
                .format(Instant.ofEpochSecond(timestamp.getSeconds()).atZone(ZoneId.systemDefault()));
    }
}
