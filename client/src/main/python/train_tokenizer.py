#!/usr/bin/env python3
"""Makes the quickstart's assets: tokenizer.json, tokenizer_config.json and english.txt.

    apt-get install bible-kjv bible-kjv-text manpages-ja      # Debian 12
    pip install tokenizers==0.23.2
    python3 client/src/main/python/train_tokenizer.py --jdk /usr/lib/jvm/temurin-25-jdk-amd64 \
        --out client/src/main/resources/dev/kintsugi/client/quickstart

The tokenizer is a byte-level BPE of 8192 tokens, so that any bytes whatever encode and decode to themselves. It is trained on
Java (the JDK's lib/src.zip), English (the King James Bible, manual pages) and Japanese (manual pages). Only counts of pieces
of that text end up in the vocabulary; of the text itself just the public-domain English is kept, as english.txt.
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import zipfile

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

VOCABULARY = 8192
END_OF_TEXT, PAD = "<|endoftext|>", "<|pad|>"

# Words with the space before them, numbers in groups of at most three digits, punctuation with the line ends after it, runs
# of white space (so that an indentation is one token). The split of Llama 3's and GPT-4's tokenizers.
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")

JAVA_MB, ENGLISH_MB, JAPANESE_MB = 16, 6, 6


def java_sources(jdk):
    """Every 13th file, so that all modules take part; licence headers cut, for every file starts with one."""
    with zipfile.ZipFile(jdk / "lib" / "src.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".java"))
        for name in names[::13]:
            text = archive.read(name).decode("utf-8", "replace")
            yield re.sub(r"\A\s*/\*.*?\*/\s*", "", text, flags=re.S)


def bible(range_of_verses):
    """Verses, one a line, without their references; a blank line between chapters."""
    out = subprocess.run(["bible", "-f", range_of_verses], capture_output=True, check=True, text=True).stdout
    lines, chapter = [], None
    for line in out.splitlines():
        reference, verse = line.split(" ", 1)
        if chapter is not None and reference.split(":")[0] != chapter:
            lines.append("")
        chapter = reference.split(":")[0]
        lines.append(verse.strip())
    return "\n".join(lines) + "\n"


def manual_pages(folder, every):
    """Manual pages without their roff markup."""
    for page in sorted(folder.glob("man[1-8]/*.gz"))[::every]:
        if page.is_symlink() or not page.exists():
            continue
        text = gzip.decompress(page.read_bytes()).decode("utf-8", "replace")
        lines = (line for line in text.splitlines() if not line.startswith((".", "'")))
        text = "\n".join(lines)
        yield re.sub(r"\\(f[BIRP]|f\[[A-Z]*\]|&|/|,|c)", "", text).replace("\\-", "-").replace("\\e", "\\")


def up_to(megabytes, texts):
    left = megabytes * 1_000_000
    for text in texts:
        if left <= 0:
            return
        left -= len(text.encode())
        yield text


def corpus(jdk, man):
    yield from up_to(JAVA_MB, java_sources(jdk))
    yield bible("Gen1:1-Rev22:21")
    yield from up_to(ENGLISH_MB, manual_pages(man, 17))
    yield from up_to(JAPANESE_MB, manual_pages(man / "ja", 1))


def train(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[END_OF_TEXT, PAD], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jdk", type=pathlib.Path, required=True, help="a JDK with lib/src.zip")
    parser.add_argument("--man", type=pathlib.Path, default=pathlib.Path("/usr/share/man"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()

    args.out.mkdir(parents=True, exist_ok=True)
    train(corpus(args.jdk, args.man)).save(str(args.out / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END_OF_TEXT, "pad_token": PAD,
              "clean_up_tokenization_spaces": False, "model_max_length": 1_000_000_000}
    (args.out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (args.out / "english.txt").write_text(bible("Mat1:1-Rev22:21"))


if __name__ == "__main__":
    main()
