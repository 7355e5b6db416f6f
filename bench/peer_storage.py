"""PyTorch FSDP2 saving and loading what checkpoint_rates.py trains: the peer, on gloo, one process a rank.

    torchrun --nproc-per-node 2 bench/peer_storage.py --config DIR --work DIR --result FILE

Saves model and AdamW state with torch.distributed.checkpoint, then again with its async_save, and loads the first. `stall` is what the call takes from
the thread that trains; `seconds` is until everything is on storage, synced.
"""
import argparse
import json
import os
import pathlib
import shutil
import time

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers import LlamaConfig, LlamaForCausalLM


def sharded_model(config):
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig.from_pretrained(config))
    for block in model.model.layers:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    model.to_empty(device="cpu")
    for p in model.parameters():
        torch.nn.init.normal_(p.to_local(), std=0.02)
    return model


def optimizer_with_state(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


def resident_mib():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def longest(seconds):
    slowest = torch.tensor([seconds])
    dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
    return float(slowest)


def timed(work):
    dist.barrier()
    start = time.perf_counter()
    work()
    dist.barrier()
    return time.perf_counter() - start


def asynchronously(state, directory):
    dist.barrier()
    before, start = resident_mib(), time.perf_counter()
    pending = dcp.async_save(state, checkpoint_id=directory)
    stall = time.perf_counter() - start
    more = resident_mib() - before
    pending.result()
    dist.barrier()
    return {"stall": longest(stall), "seconds": longest(time.perf_counter() - start), "more_mib": longest(more)}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--config", required=True, help="directory with config.json")
    p.add_argument("--work", type=pathlib.Path, required=True)
    p.add_argument("--result", required=True)
    a = p.parse_args()
    dist.init_process_group("gloo")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    model = sharded_model(a.config)
    weights, moments = get_state_dict(model, optimizer_with_state(model))
    state = {"model": weights, "optimizer": moments}
    first, second = str(a.work / "dcp-1"), str(a.work / "dcp-2")
    saved = timed(lambda: dcp.save(state, checkpoint_id=first))
    size = sum(f.stat().st_size for f in pathlib.Path(first).iterdir())
    asynchronous = asynchronously(state, second)
    loaded = timed(lambda: dcp.load(state, checkpoint_id=first))
    if dist.get_rank() == 0:
        pathlib.Path(a.result).write_text(json.dumps({"bytes": size, "save_seconds": saved, "async": asynchronous, "load_seconds": loaded,
                                                      "version": torch.__version__}))
        shutil.rmtree(first)
        shutil.rmtree(second)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
