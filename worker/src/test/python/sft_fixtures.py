#!/usr/bin/env python3
"""Makes worker/src/test/resources/sft with TRL itself: what SampleConformanceTest compares samples with.

    pip install trl==1.13.0 transformers==5.18.0 datasets torch
    python3 worker/src/test/python/sft_fixtures.py

CASE.jsonl: records. CASE-TOKENIZER.jsonl: each sample that SFTTrainer makes of them, as {"input_ids": [...], "labels": [...]}, with `bpe` (the
quickstart's tokenizer, no special tokens around texts) and `unigram` (<s> and </s> around texts). Some prompts end so that their last tokens
are others once their completion follows; some examples are longer than a sample, some leave no token to count. bins.json: best-fit decreasing.
"""

import json
import pathlib
import random
import tempfile

from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer, pack_dataset

ROOT = pathlib.Path(__file__).resolve().parents[4]
QUICKSTART = ROOT / "client/src/main/resources/dev/kintsugi/client/quickstart"
OUT = ROOT / "worker/src/test/resources/sft"
CHATML = ROOT / "worker/src/main/resources/dev/kintsugi/worker/data/chat/chatml.jinja"
MAX_LENGTH = {"bpe": 40, "unigram": 130}
BFD = dict(packing=True, packing_strategy="bfd")
CASES = {"text": [dict(packing=False), dict(packing=True), BFD], "completion": [{}, dict(completion_only_loss=False), dict(packing=True), BFD],
         "chat": [{}], "messages": [{}, dict(assistant_only_loss=True), dict(assistant_only_loss=True, packing=True), dict(assistant_only_loss=True, **BFD)]}


def records(case):
    random.seed(9)
    verses = [v for v in (QUICKSTART / "english.txt").read_text().splitlines() if v.strip()]
    for n in range(24):
        words = " ".join(random.sample(verses, random.randrange(1, 3))).split(" ")
        at = random.randrange(1, max(2, len(words) // 2))
        prompt, answer = " ".join(words[:at]), " ".join(words[at:at + random.randrange(1, 30)])
        prompt += ["", " ", " 吾輩は", "\n", " 😀é"][n % 5]
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer + ["", " 😀", "猫である。"][n % 3]}]
        if n % 4 == 0:
            messages.insert(0, {"role": "system", "content": "Be 簡潔."})
        if case == "text":
            yield {"text": prompt + " " + answer}
        elif case == "completion":
            yield {"prompt": prompt, "completion": " " + answer + ("<|endoftext|>" if n == 7 else "")}
        elif case == "chat":
            yield {"prompt": messages[:-1], "completion": messages[-1:]}
        else:
            yield {"messages": messages + [{"role": "user", "content": "And?"}, {"role": "assistant", "content": "Amen."}]}


def tokenizers():
    end = json.loads((QUICKSTART / "tokenizer_config.json").read_text())["eos_token"]
    end = end["content"] if isinstance(end, dict) else end
    yield "bpe", PreTrainedTokenizerFast(tokenizer_file=str(QUICKSTART / "tokenizer.json"), eos_token=end, pad_token=end)
    small = PreTrainedTokenizerFast(tokenizer_file=str(ROOT / "worker/src/test/resources/tokenizer/unigram/tokenizer.json"), bos_token="<s>",
                                    eos_token="</s>", pad_token="</s>", unk_token="<unk>")
    yield "unigram", small


def bins():
    """Which of 1500 examples pack_dataset joins, told by their tokens; most lengths are there many times."""
    random.seed(4)
    lengths = [random.choice([random.randrange(1, 65), random.randrange(1, 12), 64]) for _ in range(1500)]
    packed = pack_dataset(Dataset.from_dict({"input_ids": [[i] * n for i, n in enumerate(lengths)]}), 64, "bfd")
    found = []
    for sample in packed:
        ends = [sum(sample["seq_lengths"][:i + 1]) for i in range(len(sample["seq_lengths"]))]
        found.append([sample["input_ids"][end - 1] for end in ends])
    return {"capacity": 64, "lengths": lengths, "bins": found}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "bins.json").write_text(json.dumps(bins(), separators=(",", ":")) + "\n")
    model = LlamaForCausalLM(LlamaConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=8192))
    for case, variants in CASES.items():
        rows = list(records(case))
        (OUT / f"{case}.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
        for name, tokenizer in tokenizers():
            if name == "unigram" and case == "completion":
                continue    # TRL counts the </s> behind the prompt alone as one of its tokens
            tokenizer.chat_template = CHATML.read_text()
            with open(OUT / f"{case}-{name}.jsonl", "w") as out, tempfile.TemporaryDirectory() as scratch:
                for variant in variants:
                    config = SFTConfig(output_dir=scratch, max_length=MAX_LENGTH[name], report_to=[], use_cpu=True, bf16=False,
                                       **{"packing": False, "packing_strategy": "wrapped", **variant})
                    made = SFTTrainer(model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer).train_dataset
                    samples = [{key: s[key] for key in ("input_ids", "labels", "seq_lengths") if key in s} for s in made]
                    out.write(json.dumps({"max_length": MAX_LENGTH[name], "flags": variant, "samples": samples}) + "\n")


if __name__ == "__main__":
    main()
