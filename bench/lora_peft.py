#!/usr/bin/env python3
"""Trains LoRA adapters with TRL and PEFT and with Kintsugi, from the same adapters on the same data in the same order, and compares.

    python3 bench/lora_peft.py --venv VENV/bin/python [--steps 30] [--ranks 2] [--case llama ...]

VENV has torch, transformers, trl, peft and datasets. For each of some architectures, a small random model and adapters with random A and B, saved by PEFT:

1. each step's loss of TRL's SFTTrainer and of `kintsugi train --adapter_name`, which must not differ by more than 1e-3;
2. `kintsugi checkpoint export` loads in PEFT, its adapters are those that TRL ended with (2 % of the largest change), and `kintsugi generate --adapter_name`
   continues a text as PEFT's model does, greedily;
3. `kintsugi checkpoint export --merge` equals PEFT's merge_and_unload of the same adapters to 1e-6, and its logits PEFT's unmerged ones to 1e-4;
4. with `--use_adapters False` the text is the base model's.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from trl_losses import FLAGS, LIMIT, ROOT, make_data, make_model

SMALL = dict(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, vocab_size=8192, max_position_embeddings=160,
             initializer_range=0.05, bos_token_id=None, eos_token_id=None)
CASES = {
    "llama": dict(model=dict(num_key_value_heads=2), lora=dict(r=4, lora_alpha=8, target_modules="all-linear")),
    "qwen2": dict(model=dict(num_key_value_heads=2, tie_word_embeddings=True), lora=dict(r=8, lora_alpha=8, target_modules=["q_proj", "v_proj"],
                                                                                        use_rslora=True)),
    "gpt_neox": dict(model=dict(num_attention_heads=6), lora=dict(r=4, lora_alpha=8, target_modules=["query_key_value", "dense_4h_to_h"])),
}
PROMPT, NEW_TOKENS = "The little dog", 24


def prepare(directory, case):
    """A model and adapters; in a process of its own, like everything that needs torch."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    make_model(directory / "model", "llama")            # for its tokenizer
    torch.manual_seed(13)
    for old in (directory / "model").glob("model*.safetensors"):
        old.unlink()
    AutoModelForCausalLM.from_config(AutoConfig.for_model(case, **{**SMALL, **CASES[case]["model"]}), dtype=torch.float32).save_pretrained(directory / "model")
    model = AutoModelForCausalLM.from_pretrained(directory / "model")
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **CASES[case]["lora"]))
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_B" in name:
                p.copy_(torch.randn_like(p) * 0.02)
    adapted.save_pretrained(directory / "adapters")


def trl(directory, steps, ranks):
    import torch
    from datasets import Dataset
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    rows = [json.loads(line) for line in (directory / "completion.jsonl").read_text().splitlines()]
    flags = {**FLAGS, "gradient_accumulation_steps": FLAGS["gradient_accumulation_steps"] * ranks}
    config = SFTConfig(output_dir=str(directory / "trl"), max_steps=steps, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, bf16=False,
                       gradient_checkpointing=False, packing=False, train_sampling_strategy="sequential", disable_tqdm=True, **flags)
    losses = []

    class Logged(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            if "loss" in logs:
                losses.append({"loss": logs["loss"], "grad_norm": logs["grad_norm"]})

    base = AutoModelForCausalLM.from_pretrained(directory / "model", dtype=torch.float32)
    model = PeftModel.from_pretrained(base, directory / "adapters", is_trainable=True)
    SFTTrainer(model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=AutoTokenizer.from_pretrained(directory / "model"),
               callbacks=[Logged()]).train()
    model.save_pretrained(directory / "trl-adapters")
    (directory / "trl.json").write_text(json.dumps(losses))


def check(directory):
    """What PEFT makes of our exports."""
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    begun, theirs, ours = (load_file(directory / d / "adapter_model.safetensors") for d in ("adapters", "trl-adapters", "export"))
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    worst = max(((ours[k] - theirs[k]).abs().max() / (theirs[k] - begun[k]).abs().max()).item() for k in ours)

    def base():
        return AutoModelForCausalLM.from_pretrained(directory / "model", dtype=torch.float32)

    tokenizer = AutoTokenizer.from_pretrained(directory / "model")
    prompt = torch.tensor([tokenizer(PROMPT)["input_ids"]])

    def greedy(model):
        with torch.no_grad():
            return model.generate(input_ids=prompt, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)[0].tolist()

    adapted = PeftModel.from_pretrained(base(), directory / "export")
    tokens, plain = greedy(adapted), greedy(base())
    with torch.no_grad():
        logits = adapted(input_ids=prompt).logits
    merged = adapted.merge_and_unload().state_dict()
    mine = AutoModelForCausalLM.from_pretrained(directory / "merged", dtype=torch.float32)
    with torch.no_grad():
        logits_off = (mine(input_ids=prompt).logits - logits).abs().max().item()
    weights_off = max((merged[k] - v).abs().max().item() for k, v in mine.state_dict().items())
    print(json.dumps({"adapters_off": worst, "tokens": tokens, "plain": plain, "merged_weights_off": weights_off, "merged_logits_off": logits_off}))


def kintsugi(*words):
    done = subprocess.run([str(ROOT / "kintsugi"), *map(str, words)], capture_output=True, text=True, timeout=400)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def compare(arguments, case):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        make_data(directory)

        def python(what):
            environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
            done = subprocess.run([arguments.venv, __file__, "--venv", arguments.venv, "--inner", what, "--directory", name, "--case", case, "--steps",
                                   str(arguments.steps), "--ranks", str(arguments.ranks)], env=environment, capture_output=True, text=True, timeout=400)
            if done.returncode != 0:
                sys.exit(done.stdout + done.stderr)
            return done.stdout

        python("prepare")
        python("trl")
        words = [word for key, value in FLAGS.items() for word in (f"--{key}", value)]
        kintsugi("train", "--local", arguments.ranks, "--model_name", directory / "model", "--adapter_name", directory / "adapters", "--dataset_name",
                 directory / "completion.jsonl", "--output_dir", directory / "out", "--max_steps", arguments.steps, "--train_sampling_strategy", "sequential",
                 *words)
        kintsugi("checkpoint", "export", directory / "out", "--output_dir", directory / "export")
        kintsugi("checkpoint", "export", directory / "out", "--output_dir", directory / "merged", "--merge")
        theirs = json.loads((directory / "trl.json").read_text())
        ours = [json.loads(line) for line in (directory / "out/metrics.jsonl").read_text().splitlines()]
        assert len(theirs) == len(ours) == arguments.steps
        loss, norm = (max(abs(a[key] - b[key]) for a, b in zip(theirs, ours)) for key in ("loss", "grad_norm"))
        found = json.loads(python("check").splitlines()[-1])
        generate = ("generate", "--model", directory / "model", "--adapter_name", directory / "export", "--prompt", PROMPT, "--max_new_tokens", NEW_TOKENS,
                    "--json")
        tokens = json.loads(kintsugi(*generate))["ids"]
        plain = json.loads(kintsugi(*generate, "--use_adapters", "False"))["ids"]
        good = {"losses": loss <= LIMIT, "adapters": found["adapters_off"] <= 0.02, "merged weights": found["merged_weights_off"] <= 1e-6,
                "merged logits": found["merged_logits_off"] <= 1e-4, "tokens": tokens == found["tokens"], "tokens of the base": plain == found["plain"]}
        print(f"{case:9} loss {theirs[0]['loss']:.4f} -> {theirs[-1]['loss']:.4f}, ours {ours[-1]['loss']:.4f}; largest difference: loss {loss:.2g}, "
              f"grad_norm {norm:.2g}; adapters {found['adapters_off']:.2g} of their change; merged weights {found['merged_weights_off']:.2g}, logits "
              f"{found['merged_logits_off']:.2g}; {len(tokens)} tokens " + ("equal" if good["tokens"] and good["tokens of the base"] else "DIFFER"), flush=True)
        return [f"{case}: {what}" for what, holds in good.items() if not holds]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", required=True, help="its python")
    parser.add_argument("--case", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inner == "prepare":
        return prepare(arguments.directory, arguments.case[0])
    if arguments.inner == "trl":
        return trl(arguments.directory, arguments.steps, arguments.ranks)
    if arguments.inner == "check":
        return check(arguments.directory)
    bad = [line for case in arguments.case for line in compare(arguments, case)]
    sys.exit("not as PEFT has it: " + "; ".join(bad) if bad else 0)


if __name__ == "__main__":
    main()
