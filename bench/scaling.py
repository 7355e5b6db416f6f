#!/usr/bin/env python3
"""How a step's time splits as ranks go 1, 2, 4 on this machine, with the estimator's prediction beside each measured phase.

    python3 bench/scaling.py --preset small --rounds 3          # prints the sheet
    python3 bench/scaling.py --preset small --rounds 3 --write  # and writes it to docs/benchmarks/scaling.md

For each number of ranks, `kintsugi estimate` measures this machine's rates on a few blocks of the model, right before and right after a training run of
the whole model: machines change. The prediction is the mean of the two. Run it with a Python that has numpy.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import tempfile

from workload import PRESETS, ROOT, rewrite_section, run, train, write_config, write_text

PAGE = ROOT / "docs" / "benchmarks" / "scaling.md"
PHASES = ["gather", "forward", "loss", "backward", "scatter", "norm", "optimizer", "waiting"]
SMALL = 0.02


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--preset", default="small", choices=PRESETS)
    p.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    p.add_argument("--ranks", default="1,2,4")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--write", action="store_true", help="rewrite the preset's section of %s" % PAGE.relative_to(ROOT))
    a = p.parse_args()
    a.shape = PRESETS[a.preset]
    return a


def predict(a, work, ranks):
    text = run([ROOT / "kintsugi", "estimate", "--config_name", work / "model", "--world_size", ranks, "--max_length", a.shape.length,
                "--per_device_train_batch_size", a.shape.batch, "--bf16", a.dtype == "bf16", "--json"], 300)
    return json.loads(text.splitlines()[-1])["seconds"]


def measure(a, work, ranks):
    result = train(work, ["--config_name", work / "model", "--tokenizer_name", work / "model"], a.shape, ranks, a.shape.steps, a.dtype == "bf16",
                   "selective")
    steps = [dict(p, waiting=p["gather_wait"] + p["scatter_wait"], step=s) for p, s in
             zip(result["phases"][a.shape.warm_up:], result["seconds"][a.shape.warm_up:])]
    return {phase: statistics.median(s[phase] for s in steps) for phase in PHASES + ["step"]}


def one(a, work, ranks):
    before = predict(a, work, ranks)
    measured = measure(a, work, ranks)
    after = predict(a, work, ranks)
    predicted = {p: (before[p] + after[p]) / 2 for p in PHASES}
    predicted["step"] = sum(predicted.values())
    return {"measured": measured, "predicted": predicted, "drift": sum(after.values()) / sum(before.values()) - 1}


def median(rounds, side, phase):
    return statistics.median(r[side][phase] for r in rounds)


def sheet(a, results):
    lines = ["### %s, %s, batch %d x %d a rank" % (a.preset, a.dtype, a.shape.batch, a.shape.length), "",
             "%d cores, %s. Medians of %d rounds of %d steps after %d to warm up; seconds of rank 0; phases under %d %% of the step are in \"other\"." % (
                 os.cpu_count(), platform.machine(), a.rounds, a.shape.steps - a.shape.warm_up, a.shape.warm_up, 100 * SMALL), "",
             "| ranks | phase | measured s | share of the step | predicted s | predicted / measured |", "|---|---|---|---|---|---|"]
    worst = []
    for ranks, rounds in results.items():
        step = median(rounds, "measured", "step")
        large = [p for p in PHASES if median(rounds, "measured", p) >= SMALL * step]
        other = [p for p in PHASES if p not in large]
        rows = [(p, median(rounds, "measured", p), statistics.median(r["predicted"][p] / r["measured"][p] for r in rounds)) for p in large]
        for name, seconds, ratio in rows:
            lines.append("| %d | %s | %.3f | %.1f %% | %.3f | %.2f |" % (ranks, name, seconds, 100 * seconds / step, seconds * ratio, ratio))
            worst.append((abs(ratio - 1), "%s of %d ranks" % (name, ranks)))
        left = sum(median(rounds, "measured", p) for p in other)
        lines.append("| %d | other | %.3f | %.1f %% | %.3f | |" % (ranks, left, 100 * left / step, sum(median(rounds, "predicted", p) for p in other)))
        ratio = statistics.median(r["predicted"]["step"] / r["measured"]["step"] for r in rounds)
        lines.append("| **%d** | **step** | **%.3f** | %.0f tokens/s | **%.3f** | **%.2f** |" % (
            ranks, step, a.shape.tokens(ranks) / step, step * ratio, ratio))
    off = ["%s by %.0f %%" % (name, 100 * error) for error, name in sorted(worst, reverse=True) if error > 0.2]
    drift = max(abs(r["drift"]) for rounds in results.values() for r in rounds)
    return lines + ["", ("Off by more than 20 %: " + ", ".join(off) + "." if off else "Every phase is predicted within %.0f %%." % (100 * max(worst)[0])) +
                    " Rates before and after a run differed by up to %.0f %%." % (100 * drift)]


def main():
    a = arguments()
    work = pathlib.Path(tempfile.mkdtemp(prefix="kintsugi-scaling-"))
    try:
        counts = [int(n) for n in a.ranks.split(",")]
        write_config(a.shape, work / "model")
        write_text(a.shape, a.shape.steps * max(counts) * a.shape.batch, work / "data.txt")
        results = {}
        for _ in range(a.rounds):
            for ranks in counts:
                results.setdefault(ranks, []).append(one(a, work, ranks))
    finally:
        shutil.rmtree(work)
    lines = sheet(a, results)
    print("\n".join(lines))
    if a.write:
        rewrite_section(PAGE, "%s-%s" % (a.preset, a.dtype), lines)


if __name__ == "__main__":
    main()
