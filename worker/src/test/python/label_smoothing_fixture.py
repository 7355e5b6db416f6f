#!/usr/bin/env python3
"""Makes worker/src/test/resources/label_smoothing.json with Transformers' LabelSmoother: mean losses and gradients of random logits.

    pip install transformers==5.18.0 torch
    python3 worker/src/test/python/label_smoothing_fixture.py
"""

import json
import pathlib

import torch
from transformers.trainer_pt_utils import LabelSmoother

OUT = pathlib.Path(__file__).resolve().parents[1] / "resources/label_smoothing.json"


def main():
    torch.manual_seed(5)
    logits = (2 * torch.randn(1, 6, 9, dtype=torch.float64)).requires_grad_()
    labels = torch.tensor([[3, -100, 0, 8, -100, 5]])
    cases = []
    for epsilon in (0.0, 0.1, 0.75):
        loss = LabelSmoother(epsilon=epsilon)({"logits": logits}, labels)
        (gradient,) = torch.autograd.grad(loss, logits)
        cases.append({"smoothing": epsilon, "loss": loss.item(), "gradient": gradient.flatten().tolist()})
    OUT.write_text(json.dumps({"vocabulary": 9, "logits": logits.flatten().tolist(), "labels": labels.flatten().tolist(), "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
