#!/usr/bin/env python3
"""Makes worker/src/test/resources/generate with the real libraries: a tiny random Llama with its tokenizer, as save_pretrained
writes it, and in expected.json what Transformers says with it: greedy continuations and the mean loss of a text.

    pip install torch==2.13.0 transformers==5.18.0 tokenizers==0.23.2
    python3 worker/src/test/python/generate_fixtures.py
"""

import json
import math
import pathlib

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

ROOT = pathlib.Path(__file__).resolve().parents[4]
ENGLISH = ROOT / "client/src/main/resources/dev/kintsugi/client/quickstart/english.txt"
OUT = ROOT / "worker/src/test/resources/generate"
POSITIONS, VOCABULARY = 96, 320


def tokenizer(lines):
    """Byte-level BPE; puts <s> before each text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return tokenizer


def model():
    torch.manual_seed(3)
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=POSITIONS, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
                         tie_word_embeddings=True)
    return LlamaForCausalLM(config).eval()


def greedy(llama, ids, new_tokens):
    with torch.no_grad():
        return llama.generate(torch.tensor([ids]), max_new_tokens=new_tokens, do_sample=False)[0].tolist()


def mean_loss(llama, ids, length):
    total, tokens = 0.0, 0
    for start in range(0, len(ids) - length + 1, length):
        block = torch.tensor(ids[start:start + length])
        with torch.no_grad():
            logits = llama(block[None]).logits[0, :-1].double()
        total += torch.nn.functional.cross_entropy(logits, block[1:], reduction="sum").item()
        tokens += length - 1
    return {"max_length": length, "loss": total / tokens, "perplexity": math.exp(total / tokens), "tokens": tokens}


def main():
    lines = ENGLISH.read_text().splitlines()
    OUT.mkdir(parents=True, exist_ok=True)
    tokenizer(lines[:300]).save(str(OUT / "tokenizer.json"))
    (OUT / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}) + "\n")
    llama = model()
    llama.save_pretrained(OUT)
    tok = AutoTokenizer.from_pretrained(OUT)

    continuations = []
    for prompt in ["", "a", "In the beginning", "吾輩は猫", "And it came to pass, that in those days"]:
        ids = tok(prompt).input_ids
        out = greedy(llama, ids, min(40, POSITIONS - len(ids)))
        continuations.append({"prompt": prompt, "ids": out, "text": tok.decode(out, skip_special_tokens=True)})
    # Which token to call the end of a text, so that a continuation stops early: the 10th that the model writes after "a".
    stop = continuations[1]["ids"][len(tok("a").input_ids) + 9]
    text = "\n".join(lines[:20]) + "\n"
    (OUT / "text.txt").write_text(text)
    ids = tok(text, add_special_tokens=False).input_ids
    expected = {"continuations": continuations, "stop": stop, "evaluations": [mean_loss(llama, ids, n) for n in (2, 33, 96)]}
    half = LlamaForCausalLM.from_pretrained(OUT, dtype=torch.bfloat16).eval()
    expected["bfloat16_evaluations"] = [mean_loss(half, ids, n) for n in (2, 33, 96)]
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
