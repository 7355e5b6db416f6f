"""Weights and states of each optimizer after a few updates, for OptimizerConformanceTest: torch's and transformers' optimizers, and AdamW with 8-bit
moments as docs/optimizers.md describes it. And the rates of transformers' schedules, for LearningRateScheduleConformanceTest.

    python worker/src/test/python/optimizer_fixtures.py     # needs numpy, torch, transformers, safetensors
"""
import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import get_scheduler
from transformers.optimization import Adafactor

OUT = pathlib.Path(__file__).parents[1] / "resources" / "optimizers"
SHAPES = {"m.tall": (9, 520), "m.small": (5, 7), "m.vector": (13,), "m.embed_tokens.weight": (9, 500)}
UNDECAYED = {"m.vector"}
STEPS = 4
RATE, DECAY, SCALE = 1e-2, 0.1, 0.7


def values(name, step):
    """Numbers that Java makes alike: a hash of parameter, step and element, in (-0.5, 0.5)."""
    n = int(np.prod(SHAPES[name]))
    h = np.arange(n, dtype=np.uint64) * 2654435761 + sum(map(ord, name)) * 40503 + step * 7919
    h = (h ^ (h >> 15)) * 2246822519 & 0xFFFFFFFF
    h = (h ^ (h >> 13)) * 3266489917 & 0xFFFFFFFF
    x = (h >> 8).astype(np.float32) / np.float32(1 << 24) - np.float32(0.5)
    return x.reshape(SHAPES[name])


def weight(name):
    return values(name, 0)


def gradient(name, step):
    """Not clipped yet; of another size in each step."""
    return values(name, step) * np.float32(0.02 * step)


def run_torch(make):
    parameters = {name: torch.nn.Parameter(torch.from_numpy(weight(name).copy())) for name in SHAPES}
    groups = [{"params": [p for n, p in parameters.items() if n not in UNDECAYED], "weight_decay": DECAY},
              {"params": [p for n, p in parameters.items() if n in UNDECAYED], "weight_decay": 0.0}]
    optimizer = make(groups)
    for step in range(1, STEPS + 1):
        for name, p in parameters.items():
            p.grad = torch.from_numpy(gradient(name, step)) * SCALE
        optimizer.step()
    tensors = {name: p.detach().numpy() for name, p in parameters.items()}
    for name, p in parameters.items():
        for key, value in optimizer.state[p].items():
            if isinstance(value, torch.Tensor) and value.dim() > 0:
                tensors[f"state.{name}.{key}"] = value.numpy()
    return tensors


def dynamic_map(signed):
    data = [0.0, 1.0]
    for decade in range(7):
        parts = 1 << decade + (0 if signed else 1)
        positive = [10.0 ** (decade - 6) * (0.1 + 0.9 * (i + 0.5) / parts) for i in range(parts)]
        data += positive + ([-x for x in positive] if signed else [])
    return np.sort(np.array(data)).astype(np.float32)


SIGNED, UNSIGNED = dynamic_map(True), dynamic_map(False)


def fma(a, b, c):
    return (a.astype(np.float64) * np.float64(b) + c).astype(np.float32)


def adamw_step(p, m, v, g, step, decay):
    f = np.float32
    correction1, root2 = 1 - 0.9 ** step, f(np.sqrt(1 - 0.95 ** step))
    g = g * f(SCALE)
    m = fma(g - m, f(1 - 0.9), m)
    v = fma(g * g, f(1 - 0.95), v * f(0.95))
    p = fma(m / (np.sqrt(v) / root2 + f(1e-8)), f(-RATE / correction1), p * f(1 - RATE * decay))
    return p, m, v


def quantise(x, codes):
    largest = np.abs(x).max()
    borders = (codes[:-1] + codes[1:]) / np.float32(2)
    scaled = x / largest if largest > 0 else x * 0
    found = np.searchsorted(borders, scaled, side="left")
    found[(scaled < 0) & (codes[found] == 0)] -= 1
    return found.astype(np.uint8), largest


def run_8bit():
    tensors = {}
    for name, shape in SHAPES.items():
        p, decay = weight(name), 0.0 if name in UNDECAYED else DECAY
        large = len(shape) > 1 and p.size >= 4096 and "embed_" not in name
        blocks = (shape[0], -(-shape[1] // 256)) if large else None
        if large:
            m, v = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
            largest_m, largest_v = np.zeros(blocks, np.float32), np.zeros(blocks, np.float32)
        else:
            m, v = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for step in range(1, STEPS + 1):
            g = gradient(name, step)
            if not large:
                p, m, v = adamw_step(p, m, v, g, step, decay)
                continue
            for r in range(blocks[0]):
                for b in range(blocks[1]):
                    at = (r, slice(256 * b, 256 * b + 256))
                    p[at], new_m, new_v = adamw_step(p[at], SIGNED[m[at]] * largest_m[r, b], UNSIGNED[v[at]] * largest_v[r, b], g[at], step, decay)
                    m[at], largest_m[r, b] = quantise(new_m, SIGNED)
                    v[at], largest_v[r, b] = quantise(new_v, UNSIGNED)
        tensors |= {name: p, f"state.{name}.state1": m, f"state.{name}.state2": v}
        if large:
            tensors |= {f"state.{name}.absmax1": largest_m, f"state.{name}.absmax2": largest_v}
    return tensors


CASES = {
    "adamw_torch": lambda: run_torch(lambda g: torch.optim.AdamW(g, lr=RATE, betas=(0.9, 0.95), eps=1e-8, foreach=False)),
    "sgd": lambda: run_torch(lambda g: torch.optim.SGD(g, lr=RATE, foreach=False)),
    "sgd-momentum": lambda: run_torch(lambda g: torch.optim.SGD(g, lr=RATE, momentum=0.9, dampening=0.1, foreach=False)),
    "sgd-nesterov": lambda: run_torch(lambda g: torch.optim.SGD(g, lr=RATE, momentum=0.9, nesterov=True, foreach=False)),
    "rmsprop": lambda: run_torch(lambda g: torch.optim.RMSprop(g, lr=RATE, foreach=False)),
    "rmsprop-all": lambda: run_torch(lambda g: torch.optim.RMSprop(g, lr=RATE, alpha=0.9, eps=1e-3, momentum=0.8, centered=True, foreach=False)),
    "adafactor": lambda: run_torch(lambda g: Adafactor(g, lr=RATE, scale_parameter=False, relative_step=False)),
    "adamw_8bit": run_8bit,
}

SCHEDULES = [
    ("linear", 10, {}), ("linear", 0, {}), ("cosine", 10, {}), ("cosine", 3, {"num_cycles": 1.5}), ("cosine_with_restarts", 10, {"num_cycles": 3}),
    ("cosine_with_restarts", 0, {}), ("polynomial", 10, {}), ("polynomial", 0, {"lr_end": 1e-4, "power": 2.5}), ("constant", 10, {}),
    ("constant_with_warmup", 10, {}), ("inverse_sqrt", 10, {}), ("inverse_sqrt", 0, {}), ("inverse_sqrt", 5, {"timescale": 20}),
    ("cosine_with_min_lr", 10, {"min_lr": 1e-4}), ("cosine_with_min_lr", 0, {"min_lr_rate": 0.1, "num_cycles": 1.0}),
    ("cosine_warmup_with_min_lr", 10, {"min_lr": 1e-4}), ("cosine_warmup_with_min_lr", 8, {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2}),
    ("warmup_stable_decay", 10, {"num_decay_steps": 30}), ("warmup_stable_decay", 7, {"num_decay_steps": 30, "num_stable_steps": 20,
     "warmup_type": "cosine", "decay_type": "1-sqrt", "min_lr_ratio": 0.05}),
    ("warmup_stable_decay", 9, {"num_decay_steps": 40, "warmup_type": "1-sqrt", "decay_type": "linear", "min_lr_ratio": 0.1}),
]


def schedule(name, warmup, kwargs, peak=3e-3, max_steps=100):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = get_scheduler(name, optimizer, warmup, max_steps, kwargs)
    rates = []
    for _ in range(max_steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return {"name": name, "warmup": warmup, "kwargs": kwargs, "peak": peak, "max_steps": max_steps, "rates": rates}


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for case, run in CASES.items():
        tensors = run()
        save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, OUT / f"{case}.safetensors")
        print(case, sum(t.nbytes for t in tensors.values()))
    (OUT / "schedules.json").write_text("[\n" + ",\n".join(json.dumps(schedule(*s)) for s in SCHEDULES) + "\n]\n")
