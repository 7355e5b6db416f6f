#!/usr/bin/env python3
"""Continues a prompt greedily with the same random model in bf16, with Kintsugi and with Transformers' generate, in turn, one thread each.

    python3 bench/decode.py                                             # both sizes; prints the tables
    python3 bench/decode.py --sizes base --rounds 5 --output docs/benchmarks/decode.md

Run it with a Python that has torch, transformers and safetensors. Every run of Kintsugi is a fresh process, whose compiler warms up during
the run; the peer has generated a few tokens before it is timed. Fails when a token that Kintsugi took for the likeliest is not, in fp32, within bf16's
rounding of the likeliest.
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
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# hidden, ffn, layers, heads, vocabulary
SIZES = {
    "small": (256, 688, 4, 4, 4096),
    "base": (768, 2048, 12, 12, 32000),
}
PEERS = {
    "sdpa": dict(attention="sdpa", dtype="bfloat16", static=False),
    "eager": dict(attention="eager", dtype="bfloat16", static=False),
    "static": dict(attention="sdpa", dtype="bfloat16", static=True),
    "fp32": dict(attention="sdpa", dtype="float32", static=False),
}
NAMES = {"sdpa": "Transformers, sdpa", "eager": "Transformers, eager attention", "static": "Transformers, sdpa, static cache",
         "fp32": "Transformers, sdpa, the same weights in fp32"}
WARM_UP = 8


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sizes", default="small,base", help="comma-separated: %s" % ", ".join(SIZES))
    p.add_argument("--peers", default="sdpa,eager,static,fp32", help="comma-separated: %s" % ", ".join(PEERS))
    p.add_argument("--prompt_tokens", type=int, default=16)
    p.add_argument("--new_tokens", type=int, default=128)
    p.add_argument("--rounds", type=int, default=3, help="how often each takes its turn")
    p.add_argument("--one_core", action="store_true", help="hold each process to one core, the JVM's compiler included")
    p.add_argument("--output", type=pathlib.Path, help="write the tables to this Markdown file")
    p.add_argument("--peer", help=argparse.SUPPRESS)
    p.add_argument("--model", help=argparse.SUPPRESS)
    return p.parse_args()


def prompt(a, size):
    return [(7 * i + 3) % SIZES[size][4] for i in range(a.prompt_tokens)]


def prepare(a, size, directory):
    """A random model whose words are its token ids and which no token ends."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    hidden, ffn, layers, heads, vocabulary = SIZES[size]
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=heads,
        vocab_size=vocabulary, max_position_embeddings=a.prompt_tokens + a.new_tokens, initializer_range=0.05, tie_word_embeddings=False,
        bos_token_id=None, eos_token_id=None, pad_token_id=None)).to(torch.bfloat16)
    model.save_pretrained(directory)
    (directory / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {str(i): i for i in range(vocabulary)}, "unk_token": "0"}}))
    return sum(p.numel() for p in model.parameters())


def pinned(a):
    return (lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})) if a.one_core else None


def run(a, command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900, preexec_fn=pinned(a),
                          env=dict(os.environ, OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1"))
    if done.returncode != 0:
        sys.exit("%s ended with %d:\n%s" % (command[0], done.returncode, done.stderr[-3000:]))
    return json.loads(done.stdout.splitlines()[-1])


def run_kintsugi(a, size, directory):
    return run(a, [ROOT / "kintsugi", "generate", "--model", directory, "--prompt", " ".join(map(str, prompt(a, size))), "--max_new_tokens",
                   a.new_tokens, "--dtype", "bfloat16", "--json"])


def run_peer(a, size, directory, kind):
    return run(a, [sys.executable, __file__, "--peer", kind, "--model", directory, "--sizes", size, "--prompt_tokens", a.prompt_tokens,
                   "--new_tokens", a.new_tokens])


class Clock:
    """A streamer: is given the prompt, then each token as it comes."""

    def __init__(self):
        self.times = []

    def put(self, _):
        self.times.append(time.perf_counter())

    def end(self):
        pass


def peer(a):
    import torch
    from transformers import LlamaForCausalLM
    torch.set_num_threads(1)
    kind = PEERS[a.peer]
    model = LlamaForCausalLM.from_pretrained(a.model, dtype=getattr(torch, kind["dtype"]), attn_implementation=kind["attention"]).eval()
    ids = torch.tensor([prompt(a, a.sizes)])
    options = dict(do_sample=False, use_cache=True, attention_mask=torch.ones_like(ids))
    if kind["static"]:
        options.update(cache_implementation="static", disable_compile=True)
    with torch.inference_mode():
        model.generate(ids, max_new_tokens=WARM_UP, **options)
        clock = Clock()
        start = time.perf_counter()
        out = model.generate(ids, max_new_tokens=a.new_tokens, streamer=clock, **options)
    print(json.dumps({"ids": out[0].tolist(), "prompt_seconds": clock.times[1] - start, "decode_seconds": clock.times[-1] - clock.times[1]}))


def gaps(a, directory, ids):
    """How far each new token's logit is below the greatest, in fp32 with the same weights and history; and the greatest magnitude."""
    import torch
    from transformers import LlamaForCausalLM
    model = LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    with torch.inference_mode():
        logits = model(torch.tensor([ids[:-1]])).logits[0, a.prompt_tokens - 1:]
    chosen = logits.gather(1, torch.tensor(ids[a.prompt_tokens:])[:, None])[:, 0]
    return (logits.max(dim=1).values - chosen).max().item(), logits.abs().max().item()


def check(a, directory, runs):
    """One sentence on how the tokens agree; exits if Kintsugi's are not the likeliest but for rounding."""
    ours = runs["Kintsugi"][0]["ids"]
    if any(r["ids"] != ours for r in runs["Kintsugi"]) or len(ours) != a.prompt_tokens + a.new_tokens:
        sys.exit("runs of Kintsugi gave different tokens, or too few")
    peers = [r["ids"] for name, results in runs.items() if name not in ("Kintsugi", NAMES["fp32"]) for r in results[:1]]
    same = max((next((i for i, (x, y) in enumerate(zip(ours, theirs)) if x != y), len(ours)) - a.prompt_tokens for theirs in peers), default=0)
    gap, largest = gaps(a, directory, ours)
    their_gap = max((gaps(a, directory, theirs)[0] for theirs in peers), default=0)
    allowed = max(2 * their_gap, largest * 2**-6)
    if gap > allowed:
        sys.exit("a token of Kintsugi's has an fp32 logit %.4f below the likeliest's; at most %.4f is bf16's rounding" % (gap, allowed))
    return ("The first %d of %d new tokens are Transformers'. With fp32 logits of the same weights, no token that Kintsugi took is more than %.4f below the "
            "likeliest, none of Transformers' more than %.4f (logits reach %.1f)." % (same, a.new_tokens, gap, their_gap, largest))


def table(a, size, parameters, runs):
    lines = ["### %s: %.1f M parameters" % (size, parameters / 1e6), "",
             "Prompt of %d tokens, %d new ones, greedy, one sequence, bf16, one thread%s; medians of %d runs in turn." % (
                 a.prompt_tokens, a.new_tokens, ", each process held to one core" if a.one_core else "", a.rounds), "",
             "| | prompt s | decoding tokens/s | ms a token | Kintsugi's speed |", "|---|---|---|---|---|"]
    rates = {name: statistics.median((a.new_tokens - 1) / r["decode_seconds"] for r in results) for name, results in runs.items()}
    for name, results in runs.items():
        lines.append("| %s | %.3f | %.1f | %.2f | %.2f x |" % (name, statistics.median(r["prompt_seconds"] for r in results), rates[name],
                                                              1e3 / rates[name], rates["Kintsugi"] / rates[name]))
    return lines


def main():
    a = arguments()
    if a.peer:
        peer(a)
        return
    lines = ["# Decoding beside Transformers", "", "`python3 bench/decode.py`, on %s, %d cores." % (platform.machine(), os.cpu_count()), ""]
    for size in a.sizes.split(","):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="kintsugi-decode-"))
        try:
            parameters = prepare(a, size, directory)
            runs = {}
            for _ in range(a.rounds):
                runs.setdefault("Kintsugi", []).append(run_kintsugi(a, size, directory))
                for kind in a.peers.split(","):
                    runs.setdefault(NAMES[kind], []).append(run_peer(a, size, directory, kind))
            lines += table(a, size, parameters, runs) + ["", check(a, directory, runs), ""]
        finally:
            shutil.rmtree(directory)
    print("\n".join(lines))
    if a.output:
        a.output.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
