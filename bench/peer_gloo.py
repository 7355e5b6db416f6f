"""PyTorch's all-gather and reduce-scatter over gloo: the peer of collectives.py, in its units.

    torchrun --nproc-per-node 2 bench/peer_gloo.py --sizes 16,64

Prints a line `MIB all-gather|reduce-scatter GB/s` for each round: bytes of the full f32 buffer by the time of one call.
"""
import argparse
import time
import warnings

import torch
import torch.distributed as dist

WARM_UP = 3
ROUNDS = 5


def gigabytes_per_second(size, collective):
    dist.barrier()
    count = max(8, 1024 // size)
    start = time.perf_counter()
    for _ in range(count):
        collective()
    dist.barrier()
    return size * (1 << 20) * count / (time.perf_counter() - start) / 1e9


def measure(size):
    full = torch.empty(size << 18)
    ones = torch.ones(size << 18)
    shard = torch.ones((size << 18) // dist.get_world_size())
    collectives = {
        "all-gather": lambda: dist.all_gather_into_tensor(full, shard),
        "reduce-scatter": lambda: dist.reduce_scatter_tensor(shard, ones),
    }
    for _ in range(WARM_UP):
        for run in collectives.values():
            run()
    for _ in range(ROUNDS):
        for name, run in collectives.items():
            speed = gigabytes_per_second(size, run)
            if dist.get_rank() == 0:
                print("%d %s %.3f" % (size, name, speed), flush=True)
        assert (shard == dist.get_world_size()).all()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--sizes", default="16,64")
    a = p.parse_args()
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo")
    torch.set_num_threads(1)
    for size in a.sizes.split(","):
        measure(int(size))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
