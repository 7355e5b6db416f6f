package dev.kintsugi.client.command;

import dev.kintsugi.client.service.JobClient;
import dev.kintsugi.client.service.ServiceAddress;
import picocli.CommandLine.Option;

/// What every command that talks to a running coordinator takes.
final class ServiceOption {
    @Option(names = "--coordinator", paramLabel = "HOST:PORT", description = "Where the coordinator listens; default: $KINTSUGI_COORDINATOR, or "
            + ServiceAddress.DEFAULT + ".")
    private String coordinator;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    JobClient connect() {
        return new JobClient(ServiceAddress.parse(coordinator));
    }
}
