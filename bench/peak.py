"""The fastest of torch's matrix products, in GFLOP/s of a rank: square, 1024, with as many processes at once as there are ranks.

    OMP_NUM_THREADS=1 python3 bench/peak.py --ranks 2 --dtype bf16
"""
import argparse
import multiprocessing
import time

SECONDS = 0.4
EXTENT = 1024


def best(dtype, start, results):
    import torch
    torch.set_num_threads(1)
    kind = torch.bfloat16 if dtype == "bf16" else torch.float32
    x, w = (torch.randn(EXTENT, EXTENT).to(kind) for _ in range(2))
    torch.mm(x, w)
    start.wait()
    fastest, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        torch.mm(x, w)
        fastest = min(fastest, time.perf_counter() - began)
    results.put(2 * EXTENT ** 3 / fastest / 1e9)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--ranks", type=int, default=2)
    p.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    a = p.parse_args()
    start, results = multiprocessing.Barrier(a.ranks), multiprocessing.Queue()
    processes = [multiprocessing.Process(target=best, args=(a.dtype, start, results)) for _ in range(a.ranks)]
    for process in processes:
        process.start()
    print(sum(results.get() for _ in processes) / a.ranks)
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()
