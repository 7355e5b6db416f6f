"""What the benchmarks train: Llamas of three sizes from seed 0, on uniformly random tokens, and how Kintsugi is started on them."""
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEED = 42
MASK = (1 << 64) - 1


@dataclasses.dataclass(frozen=True)
class Shape:
    hidden: int
    ffn: int
    layers: int
    heads: int
    vocabulary: int
    length: int
    batch: int
    warm_up: int
    steps: int

    def tokens(self, ranks):
        return ranks * self.batch * self.length


# The smaller a step, the more of them just-in-time compilers need: ours has settled after some 25 seconds.
PRESETS = {
    "tiny": Shape(256, 688, 4, 4, 4096, 256, 8, warm_up=60, steps=110),
    "small": Shape(512, 1376, 8, 8, 8192, 512, 4, warm_up=14, steps=34),
    "base": Shape(768, 2048, 12, 12, 32000, 512, 4, warm_up=3, steps=13),
}


def write_config(shape, directory):
    """config.json and a tokenizer whose words are the numbers of the vocabulary."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": shape.hidden, "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads, "num_key_value_heads": shape.heads,
        "vocab_size": shape.vocabulary, "max_position_embeddings": shape.length, "tie_word_embeddings": False, "hidden_act": "silu",
        "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "initializer_range": 0.02}))
    write_tokenizer(shape, directory)


def write_tokenizer(shape, directory):
    (directory / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {str(i): i for i in range(shape.vocabulary)}, "unk_token": "0"}}))


def write_text(shape, samples, file):
    """Returns the blocks that the text will be cut into."""
    import numpy
    blocks = numpy.random.default_rng(1234).integers(0, shape.vocabulary, size=(samples, shape.length), dtype=numpy.int32)
    file.write_text(" ".join(map(str, blocks.reshape(-1))))
    return blocks


def mix(x):
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def block_index(position, size):
    """Kintsugi's SampleOrder: a Feistel network, walked until it falls inside."""
    key = mix((mix(SEED) + position // size) & MASK)
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    x = position % size
    while True:
        left, right = x >> half, x & mask
        for r in range(8):
            left, right = right, left ^ (mix((mix((key + r) & MASK) + right) & MASK) & mask)
        x = left << half | right
        if x < size:
            return x


def run(command, seconds, **how):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, **how)
    if done.returncode != 0:
        sys.exit("%s ended with %d:\n%s" % (pathlib.Path(str(command[0])).name, done.returncode, done.stdout[-3000:]))
    return done.stdout


def train(work, model, shape, ranks, steps, bf16, checkpointing, *more, rounds=1):
    """One run of Kintsugi. Returns what its metrics say, a list an entry a step."""
    output = work / "kintsugi"
    shutil.rmtree(output, ignore_errors=True)
    text = run([ROOT / "kintsugi", "train", "--local", ranks, *model, "--dataset_name", work / "data.txt", "--output_dir", output,
                "--max_length", shape.length, "--per_device_train_batch_size", shape.batch, "--gradient_accumulation_steps", rounds, "--max_steps", steps,
                "--learning_rate", 1e-3, "--lr_scheduler_type", "constant", "--adam_beta2", 0.95, "--weight_decay", 0.1, "--max_grad_norm", 1.0,
                "--append_concat_token", "False", "--save_strategy", "no", "--seed", SEED, "--logging_steps", 1, "--bf16", bf16,
                "--activation_checkpointing", checkpointing, *more], 1800)
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return {"name": "Kintsugi", "losses": [s["loss"] for s in lines], "seconds": [s["step_seconds"] for s in lines],
            "peak_rss_mib": max([s["peak_rss_bytes"] / 2**20 for s in lines] + resident_mib(text)), "phases": [s["phases"] for s in lines],
            "peak_gflops": max(s["peak_flops_per_second"] for s in lines) / 1e9}


def resident_mib(text):
    """Of the rank that has most, as the summary says it."""
    units = {"MiB": 1, "GiB": 1024}
    return [float(n) * units[unit] for n, unit in re.findall(r"([\d.]+) (MiB|GiB) resident with the JVM", text)]


def java():
    """The java of a JDK of at least 25, sought where the launcher seeks it first."""
    homes = [os.environ.get("KINTSUGI_JAVA_HOME"), os.environ.get("JAVA_HOME"), *sorted(map(str, pathlib.Path("/usr/lib/jvm").glob("*")))]
    for home in filter(None, homes):
        release = pathlib.Path(home) / "release"
        version = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.exists() else None
        if version and int(version[1]) >= 25:
            return str(pathlib.Path(home) / "bin" / "java")
    sys.exit("no JDK 25 in KINTSUGI_JAVA_HOME, JAVA_HOME or /usr/lib/jvm; set KINTSUGI_JAVA_HOME to one")


def rewrite_section(page, key, lines):
    """Puts the lines where the page has the section, or at its end."""
    begin, end = "<!-- %s -->" % key, "<!-- end of %s -->" % key
    section = "\n".join([begin, *lines, end])
    text = page.read_text() if page.exists() else ""
    if begin in text:
        text = text[:text.index(begin)] + section + text[text.index(end) + len(end):]
    else:
        text = text.rstrip("\n") + "\n\n" + section + "\n"
    page.write_text(text)
