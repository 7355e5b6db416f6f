#!/usr/bin/env python3
"""Trains the same model on the same tokens with Kintsugi and with PyTorch FSDP2, in turn, and writes one table.

    python3 bench/side_by_side.py --preset base                         # the peer eager and compiled
    python3 bench/side_by_side.py --preset tiny --peers eager --rounds 2

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
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MASK = (1 << 64) - 1
SEED = 42
# hidden, ffn, layers, heads, vocabulary, length, batch
PRESETS = {
    "tiny": (256, 688, 4, 4, 4096, 256, 8),
    "small": (512, 1376, 8, 8, 8192, 512, 4),
    "base": (768, 2048, 12, 12, 32000, 512, 4),
}
WARM_UP = 3


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--preset", default="base", choices=PRESETS)
    p.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    p.add_argument("--peers", default="eager,compiled", help="comma-separated: eager, compiled; or none")
    p.add_argument("--checkpointing", action="store_true", help="recompute blocks in backward, on both sides")
    p.add_argument("--steps", type=int, default=13, help="of a run, %d of them to warm up" % WARM_UP)
    p.add_argument("--rounds", type=int, default=1, help="how often each takes its turn")
    p.add_argument("--ranks", type=int, default=2)
    p.add_argument("--tolerance", type=float, default=0.005)
    p.add_argument("--output", type=pathlib.Path, help="append the table to this Markdown file")
    p.add_argument("--keep", type=pathlib.Path, help="directory for weights, data and results instead of a temporary one")
    return p.parse_args()


def mix(x):
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def block_index(position, size):
    """Kintsugi's SampleOrder: a Feistel network, walked until it falls inside."""
    key = mix((mix(SEED) + position // size) & MASK)
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    x = position % size
    while True:
        left, right = x >> half, x & mask
        for r in range(8):
            left, right = right, left ^ (mix((mix((key + r) & MASK) + right) & MASK) & mask)
        x = left << half | right
        if x < size:
            return x


def prepare(a, work):
    """Weights, tokenizer and text for Kintsugi; the same tokens in the order of steps for the peer."""
    import numpy
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    hidden, ffn, layers, heads, vocabulary, length, batch = PRESETS[a.preset]
    torch.manual_seed(0)
    config = LlamaConfig(hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers, num_attention_heads=heads,
                         num_key_value_heads=heads, vocab_size=vocabulary, max_position_embeddings=length, tie_word_embeddings=False)
    model = LlamaForCausalLM(config)
    model.save_pretrained(work / "model")
    parameters = sum(p.numel() for p in model.parameters())
    samples = a.steps * a.ranks * batch
    blocks = numpy.random.default_rng(1234).integers(0, vocabulary, size=(samples, length), dtype=numpy.int32)
    (work / "data.txt").write_text(" ".join(map(str, blocks.reshape(-1))))
    vocab = {str(i): i for i in range(vocabulary)}
    (work / "model" / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "0"}}))
    order = [block_index(p, samples) for p in range(samples)]
    blocks[order].reshape(a.steps, a.ranks, batch, length).tofile(work / "tokens.bin")
    return parameters


def run_kintsugi(a, work):
    _, _, _, _, _, length, batch = PRESETS[a.preset]
    output = work / "kintsugi"
    shutil.rmtree(output, ignore_errors=True)
    command = [ROOT / "kintsugi", "train", "--local", a.ranks, "--model_name", work / "model", "--dataset_name", work / "data.txt", "--output_dir",
               output, "--max_length", length, "--per_device_train_batch_size", batch, "--gradient_accumulation_steps", 1, "--max_steps", a.steps,
               "--learning_rate", 1e-3, "--lr_scheduler_type", "constant", "--adam_beta2", 0.95, "--weight_decay", 0.1, "--max_grad_norm", 1.0,
               "--append_concat_token", "False", "--save_strategy", "no", "--seed", SEED, "--logging_steps", 1, "--bf16", a.dtype == "bf16",
               "--gradient_checkpointing", a.checkpointing]
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)
    if done.returncode != 0:
        sys.exit("kintsugi ended with %d:\n%s" % (done.returncode, done.stdout[-3000:]))
    steps = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return {"name": "Kintsugi", "losses": [s["loss"] for s in steps], "seconds": [s["step_seconds"] for s in steps],
            "peak_rss_mib": max(s["peak_rss_bytes"] for s in steps) / 2**20, "phases": [s.get("phases") for s in steps]}


def run_peer(a, work, kind):
    _, _, _, _, _, length, batch = PRESETS[a.preset]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", a.ranks, ROOT / "bench" / "peer_fsdp.py", "--model", work / "model",
               "--tokens", work / "tokens.bin", "--batch", batch, "--length", length, "--steps", a.steps, "--dtype", a.dtype, "--result",
               work / "peer.json"]
    command += ["--checkpointing"] * a.checkpointing + ["--compile"] * (kind == "compiled")
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3600,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))
    if done.returncode != 0:
        sys.exit("the peer ended with %d:\n%s" % (done.returncode, done.stdout[-3000:]))
    return json.loads((work / "peer.json").read_text())


def table(a, runs, parameters):
    _, _, _, _, _, length, batch = PRESETS[a.preset]
    tokens = a.ranks * batch * length
    rows = []
    for name in runs:
        seconds = statistics.median(s for r in runs[name] for s in r["seconds"][WARM_UP:])
        rows.append((name, tokens / seconds, seconds, 6 * parameters * tokens / seconds / 1e9, max(r["peak_rss_mib"] for r in runs[name])))
    ours = rows[0]
    lines = ["### %s, %s, %d ranks of one thread%s" % (a.preset, a.dtype, a.ranks, ", blocks recomputed" if a.checkpointing else ""), "",
             "%.1f M parameters, %d tokens a step, median of %d steps after %d to warm up, %d rounds in turn; %s." % (
                 parameters / 1e6, tokens, a.steps - WARM_UP, WARM_UP, a.rounds, platform.machine()), "",
             "| | tokens/s | step s | model GFLOP/s | peak RSS of a rank, MiB | Kintsugi's speed | Kintsugi's memory |", "|---|---|---|---|---|---|---|"]
    for r in rows:
        lines.append("| %s | %.0f | %.3f | %.0f | %.0f | %.2f x | %.2f x |" % (*r, ours[1] / r[1], ours[4] / r[4]))
    return lines


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


def main():
    a = arguments()
    work = a.keep or pathlib.Path(tempfile.mkdtemp(prefix="kintsugi-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    parameters = prepare(a, work)
    runs = {}
    for _ in range(a.rounds):
        result = run_kintsugi(a, work)
        runs.setdefault(result["name"], []).append(result)
        for kind in [] if a.peers == "none" else a.peers.split(","):
            result = run_peer(a, work, kind)
            runs.setdefault(result["name"], []).append(result)
    lines = table(a, runs, parameters)
    lines += ["", "Losses agree within %.3f %% at every step." % (100 * check_losses(a, runs))]
    phases = [p for r in runs["Kintsugi"] for p in r["phases"][WARM_UP:] if p]
    if phases:
        lines += ["", "Where Kintsugi's step goes (rank 0, median seconds): " + ", ".join(
            "%s %.3f" % (k, statistics.median(p[k] for p in phases)) for k in phases[0]) + "."]
    print("\n".join(lines))
    if a.output:
        with open(a.output, "a") as f:
            f.write("\n".join(lines) + "\n\n")
    if not a.keep:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
