package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Verification;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.catalog.Catalog;
import dev.kintsugi.worker.checkpoint.catalog.CatalogEntry;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

@Command(name = "list",
        description = {"Show the checkpoints of a run: step, date, size, ranks, strategy, state, version. Reads manifests only.",
                "States: verified (committed, and read back whole), committed, damaged, incomplete (being saved, or given up)."},
        footer = {"", "Examples:", "  kintsugi checkpoint list out", "  kintsugi checkpoint list s3://models/run-7 --json"})
final class ListCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", converter = Location.class, description = "An output_dir, or a directory of checkpoints.")
    private StoragePath dir;

    @Option(names = "--json", description = "Print a JSON array instead of a table.")
    private boolean json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        List<CatalogEntry> entries = Catalog.of(dir);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(json(entries));
        } else if (entries.isEmpty()) {
            out.println("no checkpoints in " + dir);
        } else {
            table(entries).forEach(out::println);
            entries.stream().map(CatalogEntry::problem).filter(p -> !p.isEmpty()).forEach(p -> spec.commandLine().getErr().println("kintsugi: " + p));
        }
        return 0;
    }

    private static List<String> table(List<CatalogEntry> entries) {
        var rows = new ArrayList<List<String>>();
        rows.add(List.of("step", "saved", "size", "ranks", "strategy", "state", "version", "directory"));
        for (CatalogEntry e : entries) {
            rows.add(e.manifest().map(m -> List.of(Long.toString(e.step()), Dates.local(m.origin().savedAt()), ByteSize.format(m.bytes()),
                    Integer.toString(m.origin().ranks()), m.origin().strategy().name(), e.state().label(), m.origin().kintsugiVersion(), e.path().fileName()))
                    .orElse(List.of(Long.toString(e.step()), "-", "-", "-", "-", e.state().label(), "-", e.path().fileName())));
        }
        return Table.lines(rows);
    }

    private static String json(List<CatalogEntry> entries) {
        ArrayNode array = new JsonMapper().createArrayNode();
        for (CatalogEntry e : entries) {
            ObjectNode o = array.addObject().put("step", e.step()).put("path", e.path().text()).put("state", e.state().label());
            e.manifest().ifPresent(m -> describe(m, o));
            e.verification().map(Verification::at).ifPresent(at -> o.put("verified_at", at));
            if (!e.problem().isEmpty()) { o.put("problem", e.problem()); }
        }
        return array.toString();
    }

    private static void describe(Manifest m, ObjectNode o) {
        o.put("saved_at", m.origin().savedAt()).put("bytes", m.bytes()).put("ranks", m.origin().ranks()).put("shards", m.worldSize())
                .put("strategy", m.origin().strategy().name()).put("kintsugi_version", m.origin().kintsugiVersion());
    }
}
