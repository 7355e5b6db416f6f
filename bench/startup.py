#!/usr/bin/env python3
"""Starts a real job on a Llama of random weights, loads, checks and ends: what it took in time and in host memory, against the bound
shards + one unit + 256 MB of every rank. Beside it PyTorch's rank-0 load and broadcast (peer_startup.py).

    python3 bench/startup.py --preset 300m --dtype bf16
    python3 bench/startup.py --preset 1.1b --dtype f32 --load scatter,direct    # 18 GB of memory on 2 ranks, 5 GB of disk
    python3 bench/startup.py --meta                                             # the bound at Llama 2 7B's shapes; loads nothing

Run it with a Python that has numpy, and torch, transformers and safetensors for the peer.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import disk
from workload import ROOT, rewrite_section, run, write_tokenizer

PAGE = ROOT / "docs" / "benchmarks" / "startup.md"
MB = 1 << 20
LEEWAY = 256 * MB
HOW = ("uncached", "cached")
PRESETS = {
    "tiny": dict(hidden_size=256, intermediate_size=688, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4, vocab_size=4096),
    "300m": dict(hidden_size=1024, intermediate_size=2816, num_hidden_layers=22, num_attention_heads=16, num_key_value_heads=4, vocab_size=32000),
    "1.1b": dict(hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4, vocab_size=32000),
    "7b": dict(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, vocab_size=32000),
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--preset", default="300m", choices=PRESETS)
    p.add_argument("--dtype", default="bf16", choices=["bf16", "f32"], help="of the weights' file")
    p.add_argument("--ranks", type=int, default=2)
    p.add_argument("--load", default="scatter,broadcast,direct", help="comma-separated modes, in turn")
    p.add_argument("--transport", default="shm", choices=["shm", "aeron"])
    p.add_argument("--rounds", type=int, default=1, help="medians of so many, dd before each; memory is the most of all")
    p.add_argument("--peer", default=True, action=argparse.BooleanOptionalAction, help="PyTorch beside it")
    p.add_argument("--meta", action="store_true", help="print the bound at Llama 2 7B's shapes and end")
    p.add_argument("--write", action="store_true", help="rewrite this configuration's section of %s" % PAGE.relative_to(ROOT))
    p.add_argument("--keep", type=pathlib.Path, help="directory for the weights, which are made once, instead of a temporary one")
    return p.parse_args()


def units(c):
    """Shapes of the parameters, a list a unit, as Kintsugi cuts them: embedding, blocks, final norm with head."""
    h, f, v = c["hidden_size"], c["intermediate_size"], c["vocab_size"]
    kv = h // c["num_attention_heads"] * c["num_key_value_heads"]
    names = {"input_layernorm": [h], "self_attn.q_proj": [h, h], "self_attn.k_proj": [kv, h], "self_attn.v_proj": [kv, h], "self_attn.o_proj": [h, h],
             "post_attention_layernorm": [h], "mlp.gate_proj": [f, h], "mlp.up_proj": [f, h], "mlp.down_proj": [h, f]}
    blocks = [{"model.layers.%d.%s.weight" % (i, n): s for n, s in names.items()} for i in range(c["num_hidden_layers"])]
    return [{"model.embed_tokens.weight": [v, h]}, *blocks, {"model.norm.weight": [h], "lm_head.weight": [v, h]}]


def numel(shape):
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def bound(c, ranks, rank):
    """(shards, one unit) in bytes: weights and both moments in f32 of the rows that the rank holds; the largest unit in f32."""
    held = 0
    for shape in (s for u in units(c) for s in u.values()):
        per_rank = -(-shape[0] // ranks)
        rows = max(0, min(per_rank, shape[0] - rank * per_rank))
        held += rows * numel(shape) // shape[0]
    return 12 * held, 4 * max(sum(map(numel, u.values())) for u in units(c))


def write_model(c, dtype, directory):
    """Random weights, some million at a time: the generator holds no model either."""
    import numpy
    directory.mkdir(parents=True, exist_ok=True)
    file, size = directory / "model.safetensors", 2 if dtype == "bf16" else 4
    (directory / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 2048,
                                                       "tie_word_embeddings": False, "hidden_act": "silu", "rms_norm_eps": 1e-6, **c}))
    vocabulary = argparse.Namespace(vocabulary=c["vocab_size"])
    write_tokenizer(vocabulary, directory)
    if file.exists():
        return file
    header, at = {"__metadata__": {"format": "pt"}}, 0
    shapes = {n: s for u in units(c) for n, s in u.items()}
    for name, shape in shapes.items():
        header[name] = {"dtype": "BF16" if dtype == "bf16" else "F32", "shape": shape, "data_offsets": [at, at + size * numel(shape)]}
        at += size * numel(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = numpy.random.default_rng(0)
    with open(file.with_suffix(".partial"), "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for shape in shapes.values():
            for begin in range(0, numel(shape), 1 << 22):
                x = random.standard_normal(min(1 << 22, numel(shape) - begin), dtype=numpy.float32) * numpy.float32(0.02)
                out.write(((x.view(numpy.uint32) >> 16).astype(numpy.uint16) if dtype == "bf16" else x).tobytes())
    file.with_suffix(".partial").rename(file)
    return file


def kintsugi(a, model, work, mode, how):
    disk.prepare(model / "model.safetensors", how == "cached")
    output = work / "out"
    shutil.rmtree(output, ignore_errors=True)
    began = time.perf_counter()
    run([ROOT / "kintsugi", "train", "--local", a.ranks, "--model_name", model, "--dataset_name", work / "data.txt", "--output_dir", output,
         "--max_length", 32, "--append_concat_token", "False", "--max_steps", 0, "--save_strategy", "no", "--load", mode.upper(), "--transport", a.transport], 900)
    wall = time.perf_counter() - began
    logs = [next(output.rglob("rank-%d.log" % r)).read_text() for r in range(a.ranks)]
    ranks = [counters(log) for log in logs]
    rate = re.search(r"weights: ([\d.]+) GB in ([\d.]+) s, ([\d.]+) GB/s", logs[0])
    return {"name": "Kintsugi, %s, %s" % (mode, how), "how": how, "seconds": float(rate[2]), "GBps": float(rate[3]), "wall": wall, "ranks": ranks}


def counters(log):
    line = re.findall(r"memory of loading in MB, GPU: .*?; CPU: before ([\d,]+), consumed ([\d,]+), peak ([\d,]+), total peak ([\d,]+)", log)[-1]
    return dict(zip(["before", "consumed", "peak", "total"], (int(n.replace(",", "")) for n in line)))


def peer(a, model, how):
    disk.prepare(model / "model.safetensors", how == "cached")
    env = dict(os.environ, OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    began = time.perf_counter()
    text = run([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", a.ranks, pathlib.Path(__file__).with_name("peer_startup.py"), model],
               900, env=env)
    found = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
    return {"name": "PyTorch FSDP2, rank 0 + broadcast, " + how, "how": how, "wall": time.perf_counter() - began, **found}


def rounds(a, file, how, start):
    """Medians of what starts took, and of their shares of what dd, just before, got of the same file; ranks' most memory."""
    found = []
    for _ in range(a.rounds):
        rate = disk.read([file], how == "cached")
        result = start()
        found.append({**result, "dd": rate, "share": result["GBps"] / rate})
    medians = {key: statistics.median(r[key] for r in found) for key in ("seconds", "GBps", "wall", "dd", "share")}
    most = [{key: max(r["ranks"][rank][key] for r in found) for key in found[0]["ranks"][rank]} for rank in range(a.ranks)]
    return {**found[0], **medians, "ranks": most}


def table(a, c, results):
    lines = ["| | load s | GB/s | of dd | start to end s | rank | before | consumed | peak | total peak | bound |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    broken = []
    for result in results:
        for rank, m in enumerate(result["ranks"]):
            shards, unit = bound(c, a.ranks, rank)
            most = (shards + unit + LEEWAY) / MB
            ours = result["name"].startswith("Kintsugi")
            head = "| %s | %.2f | %.2f | %.0f %% | %.1f |" % (result["name"], result["seconds"], result["GBps"], 100 * result["share"],
                                                           result["wall"]) if rank == 0 else "| | | | | |"
            lines.append("%s %d | %d | %d | %d | %d | %s |" % (head, rank, m["before"], m["consumed"], m["peak"], m["total"],
                                                             "%d" % most if ours else "-"))
            if ours and m["peak"] > most:
                broken.append("%s: rank %d peaks %d MB above idle, more than the bound of %d" % (result["name"], rank, m["peak"], most))
    return lines, broken


def meta():
    c = PRESETS["7b"]
    total = sum(numel(s) for u in units(c) for s in u.values())
    print("Llama 2 7B: %.2f B parameters, %.1f GB in bf16; MB a rank above the idle process" % (total / 1e9, 2 * total / 1e9))
    print("| ranks | shards | one unit | leeway | bound | whole model in f32 |\n|---|---|---|---|---|---|")
    for ranks in (1, 2, 4, 8, 64):
        shards, unit = bound(c, ranks, 0)
        print("| %d | %d | %d | %d | %d | %d |" % (ranks, shards / MB, unit / MB, LEEWAY / MB, (shards + unit + LEEWAY) / MB, 4 * total / MB))


def main():
    a = arguments()
    if a.meta:
        return meta()
    c = PRESETS[a.preset]
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        model = (a.keep or work) / ("%s-%s" % (a.preset, a.dtype))
        file = write_model(c, a.dtype, model)
        (work / "data.txt").write_text(" ".join(str(i % 4000) for i in range(4000)))
        results = [rounds(a, file, how, lambda: kintsugi(a, model, work, mode, how)) for mode in a.load.split(",") for how in HOW]
        if a.peer:
            results += [rounds(a, file, how, lambda: peer(a, model, how)) for how in HOW]
        rates = {how: statistics.median(r["dd"] for r in results if r["how"] == how) for how in HOW}
        lines, broken = table(a, c, results)
    title = ["## %s, %s, %d ranks, %s" % (a.preset, a.dtype, a.ranks, a.transport), "",
             "dd of the same file: %.2f GB/s from the disk (*uncached*), %.2f GB/s from the page cache (*cached*), each just before a start. Medians of %d. "
             "Memory in MB of 2^20 bytes." % (rates["uncached"], rates["cached"], a.rounds), ""]
    print("\n".join(title + lines))
    if a.write:
        rewrite_section(PAGE, "%s %s %d %s" % (a.preset, a.dtype, a.ranks, a.transport), title + lines)
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
