"""PyTorch FSDP2's start from a directory of weights: rank 0 reads the file and widens it to f32, and every parameter is broadcast into the ranks' shards.
Then AdamW's moments and gradients are made, as Kintsugi has them from the start. Prints one JSON object with the memory of each rank in MB.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 bench/peer_startup.py DIRECTORY
"""
import json
import os
import sys
import time

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.fsdp import fully_shard
from transformers import LlamaConfig, LlamaForCausalLM


def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


def sharded(directory):
    """The model on meta, cut as Kintsugi cuts it, then with memory that nothing is in."""
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig.from_pretrained(directory))
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (dist.get_world_size(),))
    for block in model.model.layers:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    model.to_empty(device="cpu")
    return model


def main():
    directory = sys.argv[1]
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    dist.barrier()
    before, began = memory("VmRSS"), time.perf_counter()
    model = sharded(directory)
    weights = {}
    if dist.get_rank() == 0:
        weights = {name: value.float() for name, value in load_file(os.path.join(directory, "model.safetensors")).items()}
    set_model_state_dict(model, weights, options=StateDictOptions(full_state_dict=True, broadcast_from_rank0=True))
    del weights
    dist.barrier()
    seconds = time.perf_counter() - began
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    mine = {"before": before, "consumed": memory("VmRSS") - before, "peak": memory("VmHWM") - before, "total": memory("VmHWM")}
    ranks = [None] * dist.get_world_size()
    dist.all_gather_object(ranks, {k: round(v) for k, v in mine.items()})
    if dist.get_rank() == 0:
        size = os.path.getsize(os.path.join(directory, "model.safetensors"))
        print(json.dumps({"seconds": round(seconds, 2), "GBps": round(size / seconds / 1e9, 2), "ranks": ranks}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
