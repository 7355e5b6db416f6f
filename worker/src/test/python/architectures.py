"""Each architecture from the command line, beside Transformers, with the real libraries.

    python worker/src/test/python/architectures.py [NAME ...]

For a small random model of each, as Transformers saves it:
1. `kintsugi eval` of the model gives Transformers' mean loss, to 1e-5.
2. `kintsugi train` on 1 and on 2 ranks learns, and both exports equal to the bit.
3. The export loads in Transformers with equal tensors, and `kintsugi generate` continues a text as Transformers does, greedily.
4. `kintsugi estimate` knows the model.

Needs torch, transformers and safetensors; nothing is downloaded.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[4]
RESOURCES = ROOT / "client/src/main/resources/dev/kintsugi/client/quickstart"
LENGTH, NEW_TOKENS = 32, 24
SMALL = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=6, vocab_size=8192, max_position_embeddings=64,
             initializer_range=0.15, bos_token_id=None, eos_token_id=None)
MODELS = {
    "llama": dict(num_key_value_heads=2),
    "mistral": dict(num_key_value_heads=3, sliding_window=9),
    "qwen2": dict(num_key_value_heads=2, tie_word_embeddings=True),
    "qwen3": dict(num_key_value_heads=3, head_dim=10),
}


def main(names):
    for name in names or MODELS:
        work = pathlib.Path(tempfile.mkdtemp(prefix=f"kintsugi-{name}-"))
        check(work, name)
        shutil.rmtree(work)


def check(work, name):
    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **{**SMALL, **MODELS[name]}), dtype=torch.float32)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 1:
                p.add_(torch.randn_like(p) * 0.1)               # biases and gains that matter
    source = work / "model"
    model.save_pretrained(source)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(RESOURCES / file, source / file)
    text = work / "text.txt"
    text.write_text((RESOURCES / "english.txt").read_text()[:30_000])

    before = evaluate(source, text)
    expected = mean_loss(model, source, text)
    assert abs(before - expected) < 1e-5, f"{name}: eval {before}, Transformers {expected}"
    exports = [train(work, source, text, ranks) for ranks in (1, 2)]
    one, two = (load_file(e / "model.safetensors") for e in exports)
    assert one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one), f"{name}: 1 and 2 ranks differ"
    after = evaluate(exports[1], text)
    assert after < before - 0.5, f"{name}: loss {before} before and {after} after"

    trained, info = AutoModelForCausalLM.from_pretrained(exports[1], output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
    again = work / "again"
    trained.save_pretrained(again)
    saved = load_file(again / "model.safetensors")
    assert saved.keys() == two.keys() and all(torch.equal(saved[k], two[k]) for k in two), f"{name}: other tensors in Transformers"
    ids = json.loads(kintsugi("generate", "--model", exports[1], "--prompt", "The little dog", "--max_new_tokens", NEW_TOKENS, "--json"))["ids"]
    prompt = AutoTokenizer.from_pretrained(exports[1])("The little dog")["input_ids"]
    with torch.no_grad():
        greedy = trained.generate(torch.tensor([prompt]), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)[0].tolist()
    assert ids == greedy, f"{name}: {ids}, Transformers {greedy}"
    estimate = json.loads(kintsugi("estimate", "--model_name", source, "--world_size", 2, "--max_length", LENGTH, "--measure", "False", "--json"))
    print(f"{name}: loss {before:.4f} as Transformers has it, {after:.4f} after training; 1 and 2 ranks equal; export and {len(ids)} tokens equal; "
          f"estimate {json.dumps(estimate)[:90]}...", flush=True)


def mean_loss(model, source, text):
    ids = AutoTokenizer.from_pretrained(source)(text.read_text())["input_ids"]
    total, count = 0.0, 0
    for start in range(0, len(ids) - LENGTH + 1, LENGTH):
        block = torch.tensor(ids[start:start + LENGTH])
        with torch.no_grad():
            logits = model(block[None]).logits[0, :-1].double()
        total += torch.nn.functional.cross_entropy(logits, block[1:], reduction="sum").item()
        count += LENGTH - 1
    return total / count


def evaluate(model, text):
    return json.loads(kintsugi("eval", "--model", model, "--dataset", text, "--max_length", LENGTH, "--json"))["loss"]


def train(work, source, text, ranks):
    out = work / f"out-{ranks}"
    kintsugi("train", "--local", ranks, "--output_dir", out, "--model_name", source, "--dataset_name", text, "--max_length", LENGTH,
             "--per_device_train_batch_size", 2, "--microbatches_per_step", 4, "--max_steps", 20, "--learning_rate", 1e-2, "--seed", 7)
    export = work / f"export-{ranks}"
    kintsugi("checkpoint", "export", out, "--output_dir", export)
    return export


def kintsugi(*arguments):
    command = [str(a) for a in (ROOT / "kintsugi", *arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{result.stdout[-3000:]}\n{result.stderr[-6000:]}")
    return result.stdout


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
