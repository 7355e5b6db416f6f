package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.coordinator.attempt.Evidence.AgentLost;
import dev.kintsugi.coordinator.attempt.Evidence.DidNotJoin;
import dev.kintsugi.coordinator.attempt.Evidence.RankDied;
import dev.kintsugi.coordinator.attempt.Evidence.RankReported;
import dev.kintsugi.coordinator.attempt.Evidence.RankSilent;
import dev.kintsugi.coordinator.attempt.Evidence.StreamLost;
import dev.kintsugi.coordinator.attempt.Evidence.Unfit;
import dev.kintsugi.proto.v1.FailureKind;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/// Why an attempt failed, told once. When a rank dies, its peers report that it is late and streams break; the sentence for people is
/// about the rank that died. Pure.
///
/// @param sentence names the rank and host; without a full stop
record RootCause(FailureKind kind, String sentence) {
    private static final int LAST_WORDS_MAX = 400;

    /// Whether `e` explains itself, so that there is no need to wait for a better explanation.
    static boolean isDecisive(Evidence e) {
        return weight(e) <= 2;
    }

    /// @param evidence in the order in which it came; not empty
    static RootCause of(List<Evidence> evidence) {
        // The first of the most telling kind; a stream keeps the order of what is equal.
        return tell(evidence.stream().filter(e -> !hasExplainedItself(e, evidence)).min(Comparator.comparingInt(RootCause::weight)).orElseThrow());
    }

    /// A rank that reported why it failed exits with a status too, which then says less than its report.
    private static boolean hasExplainedItself(Evidence e, List<Evidence> evidence) {
        return e instanceof RankDied d && !d.bySignal()
                && evidence.stream().anyMatch(other -> other instanceof RankReported r && r.rank() == d.rank());
    }

    private static int weight(Evidence e) {
        return switch (e) {
            case RankReported r when r.kind() == FailureKind.CALLER -> 0;
            case Unfit _ -> 0;
            case RankDied d when d.bySignal() -> 1;
            case AgentLost _ -> 1;
            case DidNotJoin _ -> 2;
            case RankSilent _ -> 2;
            case RankReported r when r.kind() == FailureKind.BUG -> 3;
            case RankDied d when d.exitStatus() != 0 -> 4;
            case RankReported _ -> 5;
            case RankDied _ -> 6;
            case StreamLost _ -> 7;
        };
    }

    private static RootCause tell(Evidence e) {
        return switch (e) {
            case RankReported r when r.kind() == FailureKind.CALLER -> new RootCause(r.kind(), unstopped(r.message()));
            case RankReported r when r.kind() == FailureKind.BUG -> new RootCause(r.kind(),
                    "rank %d on host %s met a bug of Kintsugi, please report it: %s".formatted(r.rank(), r.host(),
                            unstopped(r.message())));
            case RankReported r -> world("rank %d on host %s failed: %s", r.rank(), r.host(), unstopped(r.message()));
            case Unfit u -> new RootCause(u.kind(), unstopped(u.message()));
            case RankDied d when d.bySignal() -> world("rank %d on host %s was killed by signal %d%s", d.rank(), d.host(),
                    d.exitStatus() - 128, at(d.step()));
            case RankDied d -> world("rank %d on host %s exited with status %d%s%s", d.rank(), d.host(), d.exitStatus(),
                    at(d.step()), words(d.lastWords()));
            case AgentLost a -> world("host %s with %s was lost%s: its agent %s", a.host(), ranks(a.ranks()), at(a.step()),
                    a.why());
            case StreamLost s -> world("rank %d on host %s lost its connection to the coordinator%s", s.rank(), s.host(),
                    at(s.step()));
            case RankSilent s -> world("rank %d on host %s %s%s%s", s.rank(), s.host(), s.why(), at(s.step()), doing(s.doing()));
            case DidNotJoin d -> world("%s did not join within %d s", ranks(d.missing()), d.seconds());
        };
    }

    private static RootCause world(String message, Object... values) {
        return new RootCause(FailureKind.WORLD, message.formatted(values));
    }

    private static String at(long step) {
        return step > 0 ? " at step " + step : "";
    }

    private static String ranks(List<Integer> ranks) {
        return (ranks.size() == 1 ? "rank " : "ranks ")
                + ranks.stream().map(String::valueOf).collect(Collectors.joining(", "));
    }

    private static String words(String lastWords) {
        String text = lastWords.strip();
        if (text.isEmpty()) { return ""; }
        return "; its last words: " + text.substring(Math.max(0, text.length() - LAST_WORDS_MAX));
    }

    private static String doing(String doing) {
        return doing.isEmpty() ? "" : " in " + doing;
    }

    private static String unstopped(String sentence) {
        String text = sentence.strip();
        return text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
    }
}
