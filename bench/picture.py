"""Bars as SVG, drawn from docs/benchmarks/side-by-side.json. Readable on white and on black pages."""
import html

OURS, THEIRS, TEXT = "#c8962e", "#7d8590", "#7d8590"
ROW, BAR, LABEL, WIDTH, PANEL = 26, 16, 190, 860, 330


def bars(x, y, title, rows):
    """rows: (name, value, text)"""
    out = ['<text x="%d" y="%d" font-weight="bold">%s</text>' % (x, y, html.escape(title))]
    longest = max(value for _, value, _ in rows)
    for i, (name, value, text) in enumerate(rows):
        top = y + 12 + i * ROW
        width = (PANEL - 90) * value / longest
        out.append('<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>' % (x, top, width, BAR, OURS if name == "Kintsugi" else THEIRS))
        out.append('<text x="%.1f" y="%d">%s</text>' % (x + width + 6, top + 13, html.escape(text)))
    return out


def draw(results):
    """results: entries of the JSON file, each a row of panels."""
    out, y = [], 24
    for entry in results:
        sides = entry["sides"]
        out.append('<text x="8" y="%d" font-weight="bold">%s</text>' % (y, html.escape(entry["title"])))
        y += 22
        for i, side in enumerate(sides):
            out.append('<text x="8" y="%d">%s</text>' % (y + 25 + i * ROW, html.escape(side["name"])))
        out += bars(LABEL, y, "tokens/s", [(s["name"], s["tokens_per_second"], "%.0f" % s["tokens_per_second"]) for s in sides])
        out += bars(LABEL + PANEL + 10, y, "peak RSS of a rank, GiB", [(s["name"], s["peak_rss_mib"], "%.2f" % (s["peak_rss_mib"] / 1024))
                                                                      for s in sides])
        y += 40 + len(sides) * ROW
    return "\n".join(['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" '
                      'fill="%s" role="img" aria-label="Kintsugi beside PyTorch FSDP2">' % (WIDTH, y - 16, WIDTH, y - 16, TEXT), *out, "</svg>", ""])
