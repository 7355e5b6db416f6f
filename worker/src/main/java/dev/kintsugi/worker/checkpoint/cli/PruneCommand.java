package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Retention;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.storage.Storages;
import dev.kintsugi.worker.checkpoint.catalog.Catalog;
import dev.kintsugi.worker.checkpoint.catalog.CatalogEntry;
import dev.kintsugi.worker.checkpoint.catalog.CheckpointState;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

@Command(name = "prune",
        description = {"Delete the checkpoints that newer verified ones replace. Asks nothing.",
                "The newest N verified checkpoints stay, all that are newer than those, and the best one of a job with --load_best_model_at_end; while"
                        + " there are not N verified ones nothing is deleted."},
        footer = {"", "Examples:", "  kintsugi checkpoint prune out --save_total_limit 3 --dry_run", "  kintsugi checkpoint prune out --save_total_limit 3"})
final class PruneCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", converter = Location.class, description = "An output_dir, or a directory of checkpoints.")
    private StoragePath dir;

    @Option(names = "--save_total_limit", required = true, paramLabel = "N", description = "Verified checkpoints that stay, at least 1.")
    private int limit;

    @Option(names = "--dry_run", description = "Only say what would be deleted.")
    private boolean dryRun;

    @Option(names = "--json", description = "Print a JSON array of what was (or would be) deleted.")
    private boolean json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        if (limit < 1) { throw new CallerException("save_total_limit=%d; must be at least 1".formatted(limit)); }
        List<CatalogEntry> all = Catalog.of(dir);
        List<Long> replaced = Retention.replaced(all.stream().map(e -> new Retention.Kept(e.step(), e.state() == CheckpointState.VERIFIED)).toList(),
                limit, BestCheckpoint.wantedBy(all.stream().map(CatalogEntry::manifest).flatMap(Optional::stream).toList()));
        List<CatalogEntry> going = all.stream().filter(e -> replaced.contains(e.step())).toList();
        if (!dryRun) { going.forEach(PruneCommand::delete); }
        report(all, going);
        return 0;
    }

    /// The manifest goes first: from then on the checkpoint does not exist for resume, however far the rest gets.
    private static void delete(CatalogEntry e) {
        Storage storage = Storages.of(e.path());
        try {
            storage.delete(e.path().resolve(CheckpointLayout.MANIFEST));
            storage.deleteTree(e.path());
        } catch (IOException x) {
            throw new WorldException("storage", "%s could not be deleted (%s); permit it and prune again".formatted(e.path(), StorageReason.of(x)), x);
        }
    }

    private void report(List<CatalogEntry> all, List<CatalogEntry> going) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ArrayNode array = new JsonMapper().createArrayNode();
            for (CatalogEntry e : going) {
                ObjectNode o = array.addObject().put("step", e.step()).put("path", e.path().text()).put("state", e.state().label());
                o.put("deleted", !dryRun);
            }
            out.println(array);
            return;
        }
        for (CatalogEntry e : going) {
            out.printf("%s %s (%s%s)%n", dryRun ? "would delete" : "deleted", e.path(), e.state().label(),
                    e.manifest().map(m -> ", " + ByteSize.format(m.bytes())).orElse(""));
        }
        long verified = all.stream().filter(e -> e.state() == CheckpointState.VERIFIED).count();
        if (going.isEmpty()) {
            out.printf("nothing to delete: %d checkpoint%s, %d of them verified, and %d stay%n", all.size(), all.size() == 1 ? "" : "s", verified, limit);
        }
    }
}
