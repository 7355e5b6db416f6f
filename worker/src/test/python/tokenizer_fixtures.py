#!/usr/bin/env python3
"""Makes worker/src/test/resources/tokenizer with the real library: what TokenizerConformanceTest compares ids with.

    pip install tokenizers==0.23.2
    python3 worker/src/test/python/tokenizer_fixtures.py

bpe.jsonl: {"bytes": base64, "ids": [...], "decoded": text} by the quickstart's tokenizer; the bytes are decoded with replacement
before. Left out: half surrogate pairs
encoded one by one, which Python replaces by three characters and Java by one. unigram.jsonl likewise, by unigram/tokenizer.json, a small one of the other kind that this script trains: it marks the
start of each text and puts <s> before it, so that no text can be tokenised in parts.
"""

import base64
import json
import pathlib
import random
import re

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, decoders, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parents[4]
QUICKSTART = ROOT / "client/src/main/resources/dev/kintsugi/client/quickstart"
OUT = ROOT / "worker/src/test/resources/tokenizer"

BY_HAND = [
    "", " ", "\n", "\r\n", "\t\t\n  x", "a", "Hello, world!", "don't can't I'll we've 's 'S",
    "public static void main(String[] args) {\n        System.out.println(\"\\u0041\");\n}\n",
    "for (int i = 0; i < 1_000_000; i += 0x1F) { x[i] ^= ~y >>> 3; } // ok\r\n", "λ -> (λ) ∀x∈ℝ: ⌈x⌉ ≠ ∅", "1234567890 3.14159e-10",
    "吾輩は猫である。名前はまだ無い。", "ファイルの内容を標準出力に書き出す。", "ｶﾀｶﾅ ＡＢＣ １２３", "が か゛ が", "한국어 텍스트", "中文，繁體。",
    "😀 👨‍👩‍👧‍👦 🇯🇵 ✊🏿 ❤️", "𝕂𝕚𝕟𝕥𝕤𝕦𝕘𝕚 𠮷野家", "\ufeffbom", "nul\x00byte \x01\x7f\x85\u2028\u2029", "\u00a0\u3000wide spaces\u200b",
    "<|endoftext|>", "a<|endoftext|>b <|pad|><|pad|>", "<|endoftext", "عربي עברית", "ไทย हिन्दी", "e\u0301 é ﬁ Ǆ ß İ", " " * 300, "x" * 2000,
    "\n" * 50 + "}", "a\n\n\n  b\n \n c", "```java\nvar x = 1;\n```", "https://example.org/a?b=c&d=%20#e", "Tab\tand\u000bvt\u000cff",
]
BROKEN = [b"\xff", b"\xc3", b"abc\x80def", b"\xe3\x81", b"\xe3\x81\x81\xe3", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80\xf0\x9f", b"\xc0\xaf",
          b"\xf5\x80\x80\x80", b"\xe2\x28\xa1", b"latin1: caf\xe9 na\xefve\n", b"\xf8\x88\x80\x80\x80", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"]


def texts():
    return (raw for raw in all_texts() if not re.search(rb"\xed[\xa0-\xbf]", raw))


def all_texts():
    yield from (t.encode() for t in BY_HAND)
    yield from BROKEN
    random.seed(2)
    verses = (QUICKSTART / "english.txt").read_text().splitlines()
    for verse in random.sample([v for v in verses if v], 60):
        yield verse.encode()
    for _ in range(60):     # code-like, with all kinds of white space
        words = [random.choice(["int", "Foo", "{", "}", ");", "->", "\n", "\n\n    ", "  ", "\t", "x1", "\"s\"", "//", "0.5f", "@Override", "メソッド"])
                 for _ in range(random.randrange(2, 40))]
        yield random.choice(["", " "]).join(words).encode()
    for _ in range(60):     # any characters
        planes = [(0, 0x7F), (0x80, 0x7FF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0x1F300, 0x1FAFF), (0xFF00, 0xFFEF), (0x10FFF0, 0x10FFFF)]
        yield "".join(chr(random.randint(*random.choice(planes))) for _ in range(random.randrange(1, 40))).encode()
    for _ in range(40):     # any bytes
        yield bytes(random.choice([random.randrange(256), random.randrange(0x80, 0x100), 0x61]) for _ in range(random.randrange(1, 30)))


def unigram(corpus):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="first")
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    # Both must be ignored: training never truncates and never pads.
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=20)
    return tokenizer


def write(path, tokenizer, add_special_tokens):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with open(path, "w") as out:
        for raw in texts():
            ids = tokenizer.encode(raw.decode("utf-8", "replace"), add_special_tokens=add_special_tokens).ids
            line = {"bytes": base64.b64encode(raw).decode(), "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)}
            out.write(json.dumps(line, ensure_ascii=True) + "\n")


def main():
    (OUT / "unigram").mkdir(parents=True, exist_ok=True)
    small = unigram((QUICKSTART / "english.txt").read_text().splitlines()[:400])
    small.save(str(OUT / "unigram/tokenizer.json"))
    (OUT / "unigram/tokenizer_config.json").write_text(
        json.dumps({"bos_token": {"content": "<s>", "lstrip": False}, "eos_token": {"content": "</s>"}}) + "\n")
    write(OUT / "unigram.jsonl", small, add_special_tokens=True)
    write(OUT / "bpe.jsonl", Tokenizer.from_file(str(QUICKSTART / "tokenizer.json")), add_special_tokens=False)


if __name__ == "__main__":
    main()
