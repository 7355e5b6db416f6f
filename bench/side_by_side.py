#!/usr/bin/env python3
"""Trains the same model on the same tokens with Kintsugi and with PyTorch FSDP2, in turn, and writes one table.

    python3 bench/side_by_side.py --preset base --rounds 2              # the peer eager and compiled
    python3 bench/side_by_side.py --preset tiny --peers eager
    python3 bench/side_by_side.py --suite                               # everything on the page, which it rewrites, and the picture

Run it with a Python that has torch, transformers, numpy and safetensors. Weights are initialised once, with seed 0, and both start from them;
tokens are uniformly random and come in Kintsugi's order. Fails when the losses of a step differ by more than --tolerance (relative).
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import sys
import tempfile

import picture
from workload import PRESETS, ROOT, block_index, rewrite_section, run, train, write_text, write_tokenizer

PAGE = ROOT / "docs" / "benchmarks" / "side-by-side.md"
DATA = PAGE.with_suffix(".json")
PICTURE = PAGE.with_suffix(".svg")
SUITE = [
    ["--preset", "base", "--rounds", "2"],
    ["--preset", "base", "--rounds", "2", "--activation_checkpointing", "full"],
    ["--preset", "small", "--peers", "eager", "--rounds", "2"],
    ["--preset", "tiny", "--peers", "eager", "--rounds", "2"],
    ["--preset", "base", "--dtype", "f32", "--peers", "eager"],
]


def arguments(line=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--preset", default="base", choices=PRESETS)
    p.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    p.add_argument("--peers", default="eager,compiled", help="comma-separated: eager, compiled; or none")
    p.add_argument("--activation_checkpointing", default="selective", choices=["none", "selective", "full"],
                   help="of Kintsugi; with full the peer recomputes its blocks too, otherwise it keeps everything (its default)")
    p.add_argument("--steps", type=int, help="of a run, the first of them to warm up; default: by preset")
    p.add_argument("--rounds", type=int, default=1, help="how often each takes its turn")
    p.add_argument("--ranks", type=int, default=2)
    p.add_argument("--tolerance", type=float, default=0.005)
    p.add_argument("--write", action="store_true", help="rewrite this configuration's section of %s, and the picture" % PAGE.relative_to(ROOT))
    p.add_argument("--suite", action="store_true", help="run what the page has, with --write")
    p.add_argument("--keep", type=pathlib.Path, help="directory for weights, data and results instead of a temporary one")
    a = p.parse_args(line)
    a.shape = PRESETS[a.preset]
    a.steps = a.steps or a.shape.steps
    if a.steps < a.shape.warm_up + 10:
        p.error("--steps=%d leaves fewer than 10 after %d to warm up; give at least %d" % (a.steps, a.shape.warm_up, a.shape.warm_up + 10))
    return a


def prepare(a, work):
    """Weights, tokenizer and text for Kintsugi; the same tokens in the order of steps for the peer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    s = a.shape
    torch.manual_seed(0)
    config = LlamaConfig(hidden_size=s.hidden, intermediate_size=s.ffn, num_hidden_layers=s.layers, num_attention_heads=s.heads,
                         num_key_value_heads=s.heads, vocab_size=s.vocabulary, max_position_embeddings=s.length, tie_word_embeddings=False)
    model = LlamaForCausalLM(config)
    model.save_pretrained(work / "model")
    write_tokenizer(s, work / "model")
    samples = a.steps * a.ranks * s.batch
    blocks = write_text(s, samples, work / "data.txt")
    order = [block_index(p, samples) for p in range(samples)]
    blocks[order].reshape(a.steps, a.ranks, s.batch, s.length).tofile(work / "tokens.bin")
    return sum(p.numel() for p in model.parameters())


def run_kintsugi(a, work):
    return train(work, ["--model_name", work / "model"], a.shape, a.ranks, a.steps, a.dtype == "bf16", a.activation_checkpointing)


def run_peer(a, work, kind):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", a.ranks, ROOT / "bench" / "peer_fsdp.py", "--model", work / "model",
               "--tokens", work / "tokens.bin", "--batch", a.shape.batch, "--length", a.shape.length, "--steps", a.steps, "--dtype", a.dtype,
               "--result", work / "peer.json"]
    command += ["--checkpointing"] * (a.activation_checkpointing == "full") + ["--compile"] * (kind == "compiled")
    run(command, 3600, env=dict(os.environ, OMP_NUM_THREADS="1"))
    return json.loads((work / "peer.json").read_text())


def torch_peak(a):
    text = run([sys.executable, ROOT / "bench" / "peak.py", "--ranks", a.ranks, "--dtype", a.dtype], 120, env=dict(os.environ, OMP_NUM_THREADS="1"))
    return float(text.split()[-1])


def measured(a, work, side):
    """A run with its peak: the largest of torch's before and after it, and of those that the run itself measured."""
    before = torch_peak(a)
    result = run_kintsugi(a, work) if side == "kintsugi" else run_peer(a, work, side)
    result["peak_gflops"] = max(before, torch_peak(a), result.get("peak_gflops", 0))
    result["median_seconds"] = statistics.median(result["seconds"][a.shape.warm_up:])
    return result


def moved(a, work):
    """What the plan says a rank sends and receives in a step, in MiB."""
    text = run([ROOT / "kintsugi", "estimate", "--config_name", work / "model", "--world_size", a.ranks, "--max_length", a.shape.length,
                "--per_device_train_batch_size", a.shape.batch, "--bf16", a.dtype == "bf16", "--activation_checkpointing",
                a.activation_checkpointing, "--measure", "false", "--json"], 120)
    estimate = json.loads(text.splitlines()[-1])
    return estimate["gather_bytes"] / 2**20, estimate["scatter_bytes"] / 2**20


def summary(a, name, runs, parameters):
    tokens = a.shape.tokens(a.ranks)
    seconds = statistics.median(s for r in runs for s in r["seconds"][a.shape.warm_up:])
    flops = 6 * parameters * tokens
    return {"name": name, "tokens_per_second": tokens / seconds, "step_seconds": seconds, "model_gflops": flops / seconds / 1e9,
            "peak_gflops": statistics.median(r["peak_gflops"] for r in runs) * a.ranks,
            "mfu": statistics.median(flops / r["median_seconds"] / 1e9 / (a.ranks * r["peak_gflops"]) for r in runs),
            "peak_rss_mib": max(r["peak_rss_mib"] for r in runs)}


def check_losses(a, runs):
    ours = runs["Kintsugi"][0]["losses"]
    worst = 0.0
    for name, peers in runs.items():
        for peer in peers:
            for step, (mine, theirs) in enumerate(zip(ours, peer["losses"])):
                worst = max(worst, abs(mine - theirs) / theirs)
                if not abs(mine - theirs) <= a.tolerance * theirs:
                    sys.exit("step %d: loss %.5f, but %.5f with %s: more than %g apart" % (step + 1, mine, theirs, name, a.tolerance))
    return worst


def title(a):
    return "%s, %s, %d ranks of one thread%s" % (a.preset, a.dtype, a.ranks,
                                                 ", blocks recomputed" if a.activation_checkpointing == "full" else "")


def table(a, sides, parameters, worst, phases, moves):
    ours = sides[0]
    lines = ["### " + title(a), "",
             "%.1f M parameters, %d tokens a step; medians of %d steps after %d to warm up, %d rounds in turn; %s. Activation checkpointing: %s." % (
                 parameters / 1e6, a.shape.tokens(a.ranks), a.steps - a.shape.warm_up, a.shape.warm_up, a.rounds, platform.machine(),
                 a.activation_checkpointing), "",
             "| | tokens/s | step s | model GFLOP/s | matmul peak then, GFLOP/s | share (MFU) | peak RSS of a rank, MiB | Kintsugi's speed | "
             "Kintsugi's memory |", "|---|---|---|---|---|---|---|---|---|"]
    for s in sides:
        lines.append("| %s | %.0f | %.3f | %.0f | %.0f | %.1f %% | %.0f | %.2f x | %.2f x |" % (
            s["name"], s["tokens_per_second"], s["step_seconds"], s["model_gflops"], s["peak_gflops"], 100 * s["mfu"], s["peak_rss_mib"],
            ours["tokens_per_second"] / s["tokens_per_second"], ours["peak_rss_mib"] / s["peak_rss_mib"]))
    return lines + ["", "Losses agree within %.3f %% at each of %d steps." % (100 * worst, a.steps), "",
                    "A rank of Kintsugi moves in a step, by plan: %.0f MiB of weights gathered, %.0f MiB of gradients reduced." % moves, "",
                    "Where Kintsugi's step goes (rank 0, median seconds): " + ", ".join(
                        "%s %.3f" % (k, statistics.median(p[k] for p in phases)) for k in phases[0]) + "."]


def write(a, key, sides, lines):
    rewrite_section(PAGE, key, lines)
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    data[key] = {"title": title(a), "sides": [{k: round(v, 4) if isinstance(v, float) else v for k, v in s.items()} for s in sides]}
    DATA.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    shown = [data[k] for k in ("base-bf16-selective", "base-bf16-full") if k in data]
    if shown:
        PICTURE.write_text(picture.draw(shown))


def compare(a):
    work = a.keep or pathlib.Path(tempfile.mkdtemp(prefix="kintsugi-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        parameters = prepare(a, work)
        runs = {}
        for _ in range(a.rounds):
            for side in ["kintsugi"] + ([] if a.peers == "none" else a.peers.split(",")):
                result = measured(a, work, side)
                runs.setdefault(result["name"], []).append(result)
        worst = check_losses(a, runs)
        phases = [p for r in runs["Kintsugi"] for p in r["phases"][a.shape.warm_up:]]
        sides = [summary(a, name, runs[name], parameters) for name in runs]
        lines = table(a, sides, parameters, worst, phases, moved(a, work))
    finally:
        if not a.keep:
            shutil.rmtree(work)
    print("\n".join(lines), flush=True)
    if a.write:
        write(a, "%s-%s-%s" % (a.preset, a.dtype, a.activation_checkpointing), sides, lines)


def main():
    a = arguments()
    if not a.suite:
        compare(a)
    for line in SUITE if a.suite else []:
        compare(arguments(line + ["--write"]))


if __name__ == "__main__":
    main()
