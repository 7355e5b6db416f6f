#!/usr/bin/env python3
"""Saves and loads checkpoints in a real job: what a save takes from the steps beside it, and how fast storage is written and read, against dd on
the same disk and against torch.distributed.checkpoint (peer_storage.py) on the same model.

    python3 bench/checkpoint_rates.py --preset base
    python3 bench/checkpoint_rates.py --preset 1.1b --length 128 --save_steps 4 --steps 9      # 18 GB of memory and 27 GB of disk on 2 ranks
    python3 bench/checkpoint_rates.py --preset base --write    # and writes its section of docs/benchmarks/checkpoints.md

Run it with a Python that has numpy, and torch and transformers for the peer. GB are 10^9 bytes. Fails when a checkpoint was given up.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import disk
from workload import PRESETS, ROOT, Shape, rewrite_section, run, write_config, write_text

PAGE = ROOT / "docs" / "benchmarks" / "checkpoints.md"
SHAPES = dict(PRESETS, **{"300m": Shape(1024, 2816, 22, 16, 32000, 256, 1, warm_up=3, steps=13),
                          "1.1b": Shape(2048, 5632, 22, 32, 32000, 256, 1, warm_up=2, steps=9)})
BESIDE = 3      # steps that a save may lie beside


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--preset", default="base", choices=SHAPES)
    p.add_argument("--ranks", type=int, default=2)
    p.add_argument("--length", type=int, help="tokens of a sample; default: by preset")
    p.add_argument("--steps", type=int, default=25)
    p.add_argument("--save_steps", type=int, default=10)
    p.add_argument("--load", default=True, action=argparse.BooleanOptionalAction, help="measure loading too")
    p.add_argument("--peer", default=True, action=argparse.BooleanOptionalAction, help="PyTorch beside it")
    p.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()), help="directory on the disk to be measured")
    p.add_argument("--write", action="store_true", help="rewrite this configuration's section of %s" % PAGE.relative_to(ROOT))
    a = p.parse_args()
    shape = SHAPES[a.preset]
    a.shape = shape if a.length is None else Shape(**dict(vars(shape), length=a.length))
    return a


def train(a, work, steps, *more):
    text = run([ROOT / "kintsugi", "train", "--local", a.ranks, "--config_name", work / "model", "--tokenizer_name", work / "model", "--dataset_name",
                work / "data.txt", "--output_dir", work / "out", "--max_length", a.shape.length, "--per_device_train_batch_size", a.shape.batch,
                "--gradient_accumulation_steps", 1, "--max_steps", steps, "--lr_scheduler_type", "constant", "--append_concat_token", "False",
                "--save_steps", a.save_steps, "--bf16", "True", "--peak_tflops", 1, *more], 1800)
    if "abandon" in text:
        sys.exit("a checkpoint was given up:\n" + "\n".join(line for line in text.splitlines() if "abandon" in line))
    return [json.loads(line) for line in (work / "out" / "metrics.jsonl").read_text().splitlines()]


def logged(work, verb):
    """What the ranks' logs say they did: {directory's name: [(GB, seconds) of each rank]}."""
    found = {}
    for log in sorted((work / "out").rglob("rank-*.log")):
        for name, size, unit, seconds in re.findall(r"%s \S*(step-\d+): ([\d.]+) ([GM])B in ([\d.]+) s" % verb, log.read_text()):
            found.setdefault(name, []).append((float(size) / (1 if unit == "G" else 1000), float(seconds)))
    return found


def rate(ranks):
    return sum(size for size, _ in ranks) / max(seconds for _, seconds in ranks)


def beside(a, lines):
    """Median seconds of a step far from saves, those of half an interval at the start left out, and by how much those after a save were longer, together and at most."""
    saves = range(a.save_steps, a.steps, a.save_steps)
    near = {s + k for s in saves for k in range(1, BESIDE + 1)}
    quiet = statistics.median(m["step_seconds"] for m in lines if m["step"] > a.save_steps // 2 and m["step"] not in near and m["step"] not in saves)
    longer = [[m["step_seconds"] - quiet for m in lines if s < m["step"] <= s + BESIDE] for s in saves]
    stalls = [max(m["phases"]["checkpoint"] for m in lines if s <= m["step"] <= s + BESIDE) for s in saves]
    return quiet, [max(0, sum(steps)) for steps in longer], stalls


def ours(a, work):
    quiet, longer, stalls = beside(a, train(a, work, a.steps))
    written, read_back = logged(work, "wrote"), logged(work, "read back")
    during = [rate(written[k]) for k in sorted(written) if int(k[5:]) < a.steps]
    last = work / "out" / "checkpoints" / ("step-%08d" % a.steps)
    files = sorted(last.rglob("*.safetensors"))
    rates = {"bytes": sum(f.stat().st_size for f in files), "step": quiet, "stall": max(stalls), "longer": statistics.median(longer),
             "save beside training": statistics.median(during), "save alone": rate(written[last.name]), "read back": rate(read_back[last.name])}
    rates["dd, uncached"] = disk.read(files, False)
    return rates | (loading(a, work, last, files) if a.load else {})


def loading(a, work, last, files):
    """Of jobs that resume at their end, the files in the page cache and not."""
    rates = {}
    for how in ("cached", "uncached"):
        for log in (work / "out").rglob("rank-*.log"):
            log.unlink()
        for file in files:
            disk.prepare(file, how == "cached")
        train(a, work, a.steps, "--resume_from_checkpoint", last, "--save_strategy", "no")
        rates["load, " + how] = rate(logged(work, "read")[last.name])
        rates["dd, " + how] = disk.read(files, how == "cached")
    return rates


def peer(a, work):
    run([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", a.ranks, ROOT / "bench" / "peer_storage.py", "--config", work / "model",
         "--work", work, "--result", work / "peer.json"], 1800, env=dict(os.environ, OMP_NUM_THREADS="1"))
    return json.loads((work / "peer.json").read_text())


def table(a, o, theirs, medium):
    gb = o["bytes"] / 1e9
    rows = [("the state saved", "%.2f GB" % gb, "%.2f GB" % (theirs["bytes"] / 1e9) if theirs else "", ""),
            ("training thread, in a save", "%.1f ms" % (o["stall"] * 1000), "%.0f ms" % (theirs["async"]["stall"] * 1000) if theirs else "",
             "1 %% of a step is %.0f ms" % (o["step"] * 10)),
            ("steps beside a save, longer together", "%.2f s" % o["longer"], "", "a step is %.2f s" % o["step"])]
    rates = [("save beside training", theirs and gb / theirs["async"]["seconds"], medium), ("save alone", theirs and gb / theirs["save_seconds"], medium),
             ("read back", None, o["dd, uncached"]), ("load, cached", theirs and gb / theirs["load_seconds"], o.get("dd, cached")),
             ("load, uncached", None, o["dd, uncached"])]
    for name, theirs_rate, dd_rate in rates[:5 if a.load else 3]:
        rows.append((name, "%.2f GB/s" % o[name], "%.2f GB/s" % theirs_rate if theirs_rate else "",
                     "dd: %.2f GB/s, so %.0f %%" % (dd_rate, 100 * o[name] / dd_rate)))
    head = ["### %s, %d ranks" % (a.preset, a.ranks), "", "%s, %d cores, %s." % (time.strftime("%Y-%m-%d"), os.cpu_count(), platform.machine())]
    if theirs:
        head[-1] += " PyTorch %s: `async_save` (its call, and until it was done), `save` and `load`." % theirs["version"]
    return [*head, "", "| | Kintsugi | PyTorch | |", "|---|---|---|---|", *("| %s |" % " | ".join(r) for r in rows)]


def main():
    a = arguments()
    work = pathlib.Path(tempfile.mkdtemp(prefix="kintsugi-checkpoint-rates-", dir=a.work))
    try:
        write_config(a.shape, work / "model")
        write_text(a.shape, (a.steps + 1) * a.ranks * a.shape.batch, work / "data.txt")
        parameters = 12 * a.shape.layers * a.shape.hidden**2 + 2 * a.shape.vocabulary * a.shape.hidden
        size = min(12 * parameters, 8 * 10**9)
        before = disk.write(work, size)
        o = ours(a, work)
        shutil.rmtree(work / "out")
        medium = statistics.median([before, disk.write(work, size)])
        theirs = peer(a, work) if a.peer else None
        lines = table(a, o, theirs, medium)
        print("\n".join(lines))
        if a.write:
            rewrite_section(PAGE, "%s-%d" % (a.preset, a.ranks), lines)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
