#!/usr/bin/env python3
"""Memory of training a small Llama as its sequences grow from 512 to 8192 tokens (one sample, one rank): does it grow as docs/kernels.md says?

    python3 bench/attention_memory.py            # prints the table; fails if the slope is more than 10 % off
    python3 bench/attention_memory.py --write    # and writes it to docs/benchmarks/attention-memory.md

For each length: the formula of the docs, what `kintsugi estimate` says the step arena holds, what the rank's allocators counted, and the resident
memory of the rank, the JVM included. Run it with a Python that has numpy.
"""
import argparse
import dataclasses
import json
import pathlib
import shutil
import sys
import tempfile

from workload import ROOT, Shape, rewrite_section, run, train, write_config, write_text

PAGE = ROOT / "docs" / "benchmarks" / "attention-memory.md"
LENGTHS = [512, 1024, 2048, 4096, 8192]
SHAPE = Shape(512, 1376, 4, 8, 4096, 512, 1, warm_up=0, steps=3)
BF16, F32 = 2, 4
ROUNDS = 2         # with one micro-batch a step, sums of gradients would lie where activations were, and hide their growth


def formula(s):
    """docs/kernels.md, "Memory and the length of a sequence": bytes a token of the step arena, selective checkpointing, and of the rotary tables."""
    head = s.hidden // s.heads
    queries, keys = s.hidden, s.hidden
    block = BF16 * (2 * s.hidden + 2 * queries + 2 * keys + 2 * s.ffn) + F32 * (s.heads + 2)
    attention_backward = BF16 * (2 * queries + 2 * keys) + max(2 * F32 * head, BF16 * s.hidden)
    return BF16 * 2 * s.hidden + 2 * F32 + s.layers * block + max(attention_backward, BF16 * s.ffn) + F32 * head


def measure(work, length):
    shape = dataclasses.replace(SHAPE, length=length)
    write_config(shape, work / "model")
    write_text(shape, ROUNDS * shape.steps, work / "data.txt")
    text = run([ROOT / "kintsugi", "estimate", "--config_name", work / "model", "--max_length", length, "--bf16", "True", "--measure", "false", "--json"], 120)
    memory = json.loads(text.splitlines()[-1])["memory"]
    result = train(work, ["--config_name", work / "model", "--tokenizer_name", work / "model"], shape, 1, shape.steps, True, "selective", rounds=ROUNDS)
    return {"length": length, "estimated": memory["activations"] + memory["rotary tables"], "resident": result["peak_rss_mib"] * 2**20,
            "seconds": min(result["seconds"])}


def slope(rows, key):
    """Bytes a token from the shortest to the longest."""
    return (rows[-1][key] - rows[0][key]) / (rows[-1]["length"] - rows[0]["length"])


def sheet(rows, expected):
    scores = 2 * F32 * SHAPE.heads
    lines = ["### %d blocks, hidden %d, %d heads, bf16, one sample, one rank, blocks kept (selective)" % (SHAPE.layers, SHAPE.hidden, SHAPE.heads), "",
             "| tokens | formula, MiB more than at %d | step arena and tables by estimate, MiB | resident set of the rank, MiB | S x S scores and their gradients "
             "of one block would be, MiB | step s |" % LENGTHS[0], "|---|---|---|---|---|---|"]
    for r in rows:
        lines.append("| %d | %.1f | %.1f | %.0f | %.0f | %.2f |" % (
            r["length"], expected * (r["length"] - LENGTHS[0]) / 2**20, r["estimated"] / 2**20, r["resident"] / 2**20,
            scores * r["length"] ** 2 / 2**20, r["seconds"]))
    return lines + ["", "Bytes a token from %d to %d: %d by the formula, %.0f by estimate (%.3f of it), %.0f resident (%.3f of it)." % (
        LENGTHS[0], LENGTHS[-1], expected, slope(rows, "estimated"), slope(rows, "estimated") / expected, slope(rows, "resident"),
        slope(rows, "resident") / expected)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--write", action="store_true")
    a = p.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="kintsugi-attention-"))
    try:
        rows = [measure(work, length) for length in LENGTHS]
    finally:
        shutil.rmtree(work)
    expected = formula(SHAPE)
    lines = sheet(rows, expected)
    print("\n".join(lines))
    if a.write:
        rewrite_section(PAGE, "attention-memory", lines)
    for key in ("estimated", "resident"):
        if abs(slope(rows, key) / expected - 1) > 0.1:
            sys.exit("%s memory grows by %.0f bytes a token; the formula says %d" % (key, slope(rows, key), expected))


if __name__ == "__main__":
    main()
