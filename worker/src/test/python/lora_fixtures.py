"""Makes the fixtures of AdapterConformanceTest with PEFT.

    python worker/src/test/python/lora_fixtures.py worker/src/test/resources

For some of the models under fixtures/, adapters with random A and B as PEFT saves them (adapter_config.json, adapter_model.safetensors), and what
Transformers with PEFT computes in float64: reference.safetensors has input_ids, logits with the adapters, base_logits without, the mean loss, and the
gradient of that loss for everything that is trained, under its name in adapter_model.safetensors.
"""

import pathlib
import shutil
import sys

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

CASES = {
    "gqa": dict(r=3, lora_alpha=5, target_modules="all-linear", use_rslora=True),
    "mha": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"]),
    "gpt-neox": dict(r=2, lora_alpha=4, target_modules=r".*(query_key_value|dense_4h_to_h)"),
}


def main(resources):
    for name, settings in CASES.items():
        torch.manual_seed(5)
        source, target = resources / "fixtures" / name, resources / "lora" / name
        shutil.rmtree(target, ignore_errors=True)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float64)
        ids = load_file(source / "reference.safetensors")["input_ids"].long()
        base = model(ids).logits.detach()
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", bias="none", lora_dropout=0.0, **settings), autocast_adapter_dtype=False)
        with torch.no_grad():
            for p in model.parameters():
                if p.requires_grad:
                    p.copy_((p if p.shape[-1] > 4 and p.abs().sum() > 0 else torch.randn_like(p) * 0.2).float())
        model.save_pretrained(target)
        for extra in target.glob("README.md"):
            extra.unlink()
        file = target / "adapter_model.safetensors"
        save_file({k: v.float().contiguous() for k, v in load_file(file).items()}, file, metadata={"format": "pt"})
        output = model(ids, labels=ids)
        output.loss.backward()
        by_id = {id(p): p for p in model.parameters()}
        state = get_peft_model_state_dict(model)
        names = {v.data_ptr(): k for k, v in state.items()}
        gradients = {names[p.data_ptr()]: p.grad.float().contiguous() for p in by_id.values() if p.grad is not None}
        assert set(gradients) == set(load_file(file)), set(load_file(file)) ^ set(gradients)
        save_file({"input_ids": ids.int(), "logits": output.logits.detach().float().contiguous(), "base_logits": base.float().contiguous(),
                   "loss": output.loss.detach().float().reshape(1), **{"gradient." + k: v for k, v in gradients.items()}}, target / "reference.safetensors")
        print(name, output.loss.item(), len(gradients), "gradients")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
