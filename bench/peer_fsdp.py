"""PyTorch FSDP2 on gloo, one process a rank: the peer of side_by_side.py, on the same weights, tokens and hyperparameters.

    torchrun --nproc-per-node 2 bench/peer_fsdp.py --model DIR --tokens FILE --batch 4 --length 512 --steps 12 --result FILE
"""
import argparse
import json
import os
import resource
import time

import numpy
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from transformers import LlamaForCausalLM


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--model", required=True)
    p.add_argument("--tokens", required=True, help="int32 (steps, ranks, batch, length)")
    p.add_argument("--batch", type=int, required=True)
    p.add_argument("--length", type=int, required=True)
    p.add_argument("--steps", type=int, required=True)
    p.add_argument("--result", required=True)
    p.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    p.add_argument("--checkpointing", action="store_true")
    p.add_argument("--compile", action="store_true")
    return p.parse_args()


def model_of(a, mesh):
    model = LlamaForCausalLM.from_pretrained(a.model, dtype=torch.float32, attn_implementation="sdpa")
    model.config.use_cache = False
    model.train()
    if a.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32) if a.dtype == "bf16" else MixedPrecisionPolicy()
    for block in model.model.layers:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    if a.compile:
        for block in model.model.layers:
            block.compile()
    return model


def main():
    a = arguments()
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    model = model_of(a, init_device_mesh("cpu", (world,)))
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.95),
                                  fused=True)
    tokens = numpy.memmap(a.tokens, dtype=numpy.int32, mode="r", shape=(a.steps, world, a.batch, a.length))
    losses, seconds = [], []
    for step in range(a.steps):
        ids = torch.from_numpy(numpy.array(tokens[step, rank], dtype=numpy.int64))
        dist.barrier()
        start = time.perf_counter()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        dist.barrier()
        seconds.append(time.perf_counter() - start)
        mean = loss.detach().float()
        dist.all_reduce(mean)
        losses.append(float(mean) / world)
    peak = torch.tensor([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0])
    dist.all_reduce(peak, op=dist.ReduceOp.MAX)
    if rank == 0:
        with open(a.result, "w") as f:
            json.dump({"name": "PyTorch FSDP2 " + ("compiled" if a.compile else "eager"), "version": torch.__version__, "losses": losses,
                       "seconds": seconds, "peak_rss_mib": float(peak)}, f)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
