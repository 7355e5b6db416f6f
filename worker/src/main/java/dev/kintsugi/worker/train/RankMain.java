package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.FailureKind;
import dev.kintsugi.worker.agent.ParentWatch;
import dev.kintsugi.worker.checkpoint.CorruptShardException;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Main class of a rank's process; started by the node agent, which holds its standard input open for as long as it lives.
public final class RankMain {
    private static final Logger LOG = LoggerFactory.getLogger(RankMain.class);

    private RankMain() {}

    public static void main(String[] args) {
        ParentWatch.exitOnEof(System.in, 1);
        RankArguments arguments = RankArguments.parse(args);
        int status = run(arguments);
        // Threads of libraries must not keep a finished rank alive.
        Runtime.getRuntime().halt(status);
    }

    private static int run(RankArguments arguments) {
        try (var link = new CoordinatorLink(arguments)) {
            try {
                new Rank(arguments, link).run();
                return 0;
            } catch (CallerException e) {
                LOG.error("{}", e.getMessage());
                link.failed(FailureKind.CALLER, e.getMessage());
            } catch (CorruptShardException e) {     // reading it again would not help: people must choose another checkpoint
                LOG.error("{}", e.getMessage());
                link.failed(FailureKind.CALLER, e.getMessage());
            } catch (WorldException e) {
                LOG.error("{}", e.getMessage(), e);
                link.failed(e);
            } catch (Throwable e) {     // whatever it is, the coordinator must hear of it
                LOG.error("rank {} broke", arguments.rank(), e);
                link.failed(FailureKind.BUG, "rank %d broke: %s; see its log".formatted(arguments.rank(), e));
            }
            return 1;
        }
    }

    /// Ends the process at once, writing nothing more: the attempt is over.
    static void leave() {
        Runtime.getRuntime().halt(1);
    }
}
