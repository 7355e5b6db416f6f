package dev.kintsugi.worker.checkpoint.cli;

import java.util.ArrayList;
import java.util.List;

/// Columns aligned with spaces, the first row being the heading.
final class Table {
    private Table() {}

    static List<String> lines(List<List<String>> rows) {
        int columns = rows.getFirst().size();
        int[] widths = new int[columns];
        rows.forEach(row -> {
            for (int c = 0; c < columns; c++) { widths[c] = Math.max(widths[c], row.get(c).length()); }
        });
        var lines = new ArrayList<String>();
        for (List<String> row : rows) {
            var line = new StringBuilder();
            for (int c = 0; c < columns; c++) { line.append(row.get(c)).repeat(' ', widths[c] - row.get(c).length() + 2); }
            lines.add(line.toString().stripTrailing());
        }
        return lines;
    }
}
