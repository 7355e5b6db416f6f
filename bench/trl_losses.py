#!/usr/bin/env python3
"""Fine-tunes tiny models with TRL's SFTTrainer and with Kintsugi on the same data, in the same order, with the same flags, and compares the losses.

    python3 bench/trl_losses.py --venv VENV/bin/python [--steps 30] [--ranks 2] [--model llama qwen2 gpt_neox] [--case wrapped ...]

VENV has torch, transformers, trl and datasets. Both write each step's loss; a difference of more than 1e-3 is an error. Neither shuffles
(`--train_sampling_strategy sequential`). TRL runs with the micro-batches of all of Kintsugi's ranks one after another. Cases:

    wrapped       plain text in blocks (TRL keeps a last block that is not full; the steps never get there)
    bfd           plain text, documents packed by best fit, none seeing another (Transformers' attention makes the mask of the positions that TRL gives)
    unpacked      plain text, each document a sample
    completion    prompt and completion, the loss on completions
    chat          messages of a prompt and a completion, the template of the tokenizer, the loss on completions
    assistant     messages, the template of the tokenizer, the loss on what it marks as generated

All but `wrapped` (whose last block TRL keeps) also evaluate every 10 steps, TRL in one batch, so that it has one mean.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "client/src/main/resources/dev/kintsugi/client/quickstart"
CASES = {"wrapped": dict(packing=True, packing_strategy="wrapped"), "bfd": dict(packing=True, packing_strategy="bfd"), "unpacked": dict(packing=False), "completion": {}, "chat": dict(max_length=160),
         "assistant": dict(assistant_only_loss=True, max_length=160)}
FLAGS = dict(max_length=64, per_device_train_batch_size=2, gradient_accumulation_steps=4, learning_rate=3e-3, lr_scheduler_type="cosine", warmup_steps=5,
             weight_decay=0.1, max_grad_norm=0.5, seed=7)
CHAT_TEMPLATE = ROOT / "worker/src/main/resources/dev/kintsugi/worker/data/chat/chatml.jinja"
LIMIT = 1e-3
EVALUATION = dict(eval_strategy="steps", eval_steps=10)
EVALUATED = 40      # records
MODELS = ["llama", "qwen2", "gpt_neox"]


def make_data(directory):
    """Verses become documents, prompts and answers of many lengths, some longer than a sample."""
    random.seed(3)
    verses = [v for v in (QUICKSTART / "english.txt").read_text().splitlines() if v.strip()]
    texts = [" ".join(verses[i:i + random.randrange(1, 5)]) for i in range(0, 1400, 2)]

    def split(text):
        words = text.split(" ")
        at = random.randrange(1, max(2, len(words) // 2))
        return " ".join(words[:at]), " " + " ".join(words[at:])

    rows = {"wrapped": [{"text": t} for t in texts], "completion": [], "chat": [], "assistant": []}
    rows["unpacked"] = rows["bfd"] = rows["wrapped"]
    for t in texts:
        prompt, completion = split(t)
        rows["completion"].append({"prompt": prompt, "completion": completion})
        question, answer = {"role": "user", "content": prompt}, {"role": "assistant", "content": completion.strip()}
        rows["chat"].append({"prompt": [question], "completion": [answer]})
        rows["assistant"].append({"messages": [question, answer, {"role": "user", "content": "And?"}, {"role": "assistant", "content": "Amen."}]})
    for name, records in rows.items():
        for part, chosen in {"": records[EVALUATED:], "-test": records[:EVALUATED]}.items():
            (directory / f"{name}{part}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in chosen))


def make_model(directory, kind):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(11)
    shared = dict(rotary_pct=0.5) if kind == "gpt_neox" else dict(num_key_value_heads=2)
    config = AutoConfig.for_model(kind, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, vocab_size=8192,
                                  max_position_embeddings=160, initializer_range=0.05, **shared)
    model = AutoModelForCausalLM.from_config(config).float()
    model.save_pretrained(directory)
    end = json.loads((QUICKSTART / "tokenizer_config.json").read_text())["eos_token"]
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(QUICKSTART / "tokenizer.json"), eos_token=end, pad_token=end)
    tokenizer.chat_template = CHAT_TEMPLATE.read_text()
    tokenizer.save_pretrained(directory)


def trl(directory, model_directory, case, steps, ranks, output):
    """In a process of its own: python trl_losses.py --trl ..."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    def rows(part):
        return Dataset.from_list([json.loads(line) for line in (directory / f"{case}{part}.jsonl").read_text().splitlines()])

    evaluation = {} if case == "wrapped" else dict(per_device_eval_batch_size=EVALUATED, **EVALUATION)
    flags = {"packing": False, **evaluation, **FLAGS, **CASES[case], "gradient_accumulation_steps": FLAGS["gradient_accumulation_steps"] * ranks}
    config = SFTConfig(output_dir=str(directory / "trl"), max_steps=steps, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, bf16=False,
                       gradient_checkpointing=False, train_sampling_strategy="sequential", logging_nan_inf_filter=False,
                       disable_tqdm=True, **flags)
    losses, evaluations = [], []

    class Logged(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            if "loss" in logs:
                losses.append({"loss": logs["loss"], "grad_norm": logs["grad_norm"], "learning_rate": logs["learning_rate"]})
            if "eval_loss" in logs:
                evaluations.append(logs["eval_loss"])

    model = AutoModelForCausalLM.from_pretrained(model_directory, dtype="float32")
    SFTTrainer(model=model, args=config, train_dataset=rows(""), eval_dataset=rows("-test") if evaluation else None,
               processing_class=AutoTokenizer.from_pretrained(model_directory), callbacks=[Logged()]).train()
    output.write_text(json.dumps({"steps": losses, "evaluations": evaluations}))


def kintsugi(directory, model, case, steps, ranks):
    flags = {**FLAGS, **CASES[case]}
    if case != "wrapped":
        flags |= dict(eval_dataset_name=directory / f"{case}-test.jsonl", per_device_eval_batch_size=3, **EVALUATION)
    output = directory / f"kintsugi-{model}-{case}"
    command = [str(ROOT / "kintsugi"), "train", "--local", str(ranks), "--model_name", str(directory / model), "--dataset_name",
               str(directory / f"{case}.jsonl"), "--output_dir", str(output), "--max_steps", str(steps), "--save_strategy", "no",
               "--train_sampling_strategy", "sequential"]
    command += [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def compare(directory, model, case, arguments):
    output = directory / f"trl-{model}-{case}.json"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([arguments.venv, __file__, "--venv", arguments.venv, "--trl", str(directory), "--model", model, "--case", case, "--steps", str(arguments.steps),
                           "--ranks", str(arguments.ranks)], env=environment, capture_output=True, text=True, timeout=400)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    theirs, ours = json.loads(output.read_text()), kintsugi(directory, model, case, arguments.steps, arguments.ranks)
    theirs, evaluations = theirs["steps"], theirs["evaluations"]
    evaluated = [step["eval_loss"] for step in ours if "eval_loss" in step]
    if len(evaluations) != len(evaluated):
        sys.exit(f"{case}: {len(evaluations)} and {len(evaluated)} evaluations")
    if len(theirs) != arguments.steps or len(ours) != arguments.steps:
        sys.exit(f"{case}: {len(theirs)} and {len(ours)} steps; {arguments.steps} wanted")
    worst = {key: max(abs(a[key] - b[key]) for a, b in zip(theirs, ours)) for key in ("loss", "grad_norm", "learning_rate")}
    if evaluations:
        worst["eval_loss"] = max(abs(a - b) for a, b in zip(evaluations, evaluated))
    print(f"{model:8} {case:10} loss {theirs[0]['loss']:.4f} -> {theirs[-1]['loss']:.4f}, ours {ours[-1]['loss']:.4f}; largest difference: "
          + ", ".join(f"{key} {value:.2g}" for key, value in worst.items()), flush=True)
    return max(worst["loss"], worst.get("eval_loss", 0)) <= LIMIT


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", required=True, help="its python")
    parser.add_argument("--case", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--model", nargs="*", default=["llama"], choices=MODELS)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--trl", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--make-model", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trl:
        model, case = arguments.model[0], arguments.case[0]
        return trl(arguments.trl, arguments.trl / model, case, arguments.steps, arguments.ranks, arguments.trl / f"trl-{model}-{case}.json")
    if arguments.make_model:
        return make_model(arguments.make_model, arguments.model[0])
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        make_data(directory)
        for model in arguments.model:
            subprocess.run([arguments.venv, __file__, "--venv", arguments.venv, "--make-model", str(directory / model), "--model", model], check=True,
                           capture_output=True)
        good = [compare(directory, model, case, arguments) for model in arguments.model for case in arguments.case]
    sys.exit(0 if all(good) else f"a loss differs by more than {LIMIT}")


if __name__ == "__main__":
    main()
