"""Makes worker/src/test/resources/fixtures/*: what PyTorch and Transformers compute for tiny models of each architecture.

Run by hand when a configuration is added (Python 3, torch, transformers, safetensors; CPU is enough), for the configurations named or all:

    python worker/src/test/python/make_fixtures.py worker/src/test/resources/fixtures [NAME ...]

One directory a configuration:
    config.json          of a Llama: `rope_parameters` or `rope_theta` + `rope_scaling`, as `dialect` says; of others as Transformers writes it
    model.safetensors    initial weights under the names that Transformers gives them in files, with larger noise than an initialisation has, so that every path matters
    reference.safetensors
        input_ids        (B, T) int32
        logits           (B, T, V) float32
        gradient.NAME    of the mean loss over the B (T - 1) predicted tokens
        training_ids     (micro-batches, B, T) int32: the pool that the 50 steps take micro-batches from in turn
    training.json        settings of the 50 AdamW steps, and each step's loss, grad_norm and learning_rate
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, get_scheduler

STEPS = 50
MICRO_BATCHES = 3
POOL = 10
BATCH, LENGTH = 2, 12
PEAK_RATE, WARMUP, WEIGHT_DECAY, MAX_NORM = 5e-3, 5, 0.1, 1.0
BETAS, EPSILON = (0.9, 0.999), 1e-8

COMMON = dict(
    hidden_size=16, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, vocab_size=61,
    max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False, attention_bias=False, mlp_bias=False,
    initializer_range=0.02, bos_token_id=1, eos_token_id=2,
)
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
CONFIGS = {
    "mha": dict(dialect="rope_theta", rope_theta=10000.0),
    "gqa": dict(dialect="rope_parameters", rope_theta=500000.0, hidden_size=18, num_attention_heads=6, num_key_value_heads=2, head_dim=4),
    "llama3-rope": dict(dialect="rope_parameters", rope_theta=100.0, scaling=LLAMA3, num_key_value_heads=2),
    "tied": dict(dialect="rope_theta", rope_theta=10000.0, num_key_value_heads=1, tie_word_embeddings=True),
    "linear-biases": dict(
        dialect="rope_theta", rope_theta=1000.0, scaling=dict(rope_type="linear", factor=2.0), attention_bias=True, mlp_bias=True,
        num_key_value_heads=2),
}
SMALL = dict(hidden_size=16, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, vocab_size=61, max_position_embeddings=64,
             bos_token_id=1, eos_token_id=2)
RELATIVES = {
    "qwen2": dict(model_type="qwen2", num_key_value_heads=2, rope_parameters=dict(rope_type="default", rope_theta=1000.0)),
    "qwen2-tied": dict(model_type="qwen2", num_key_value_heads=1, tie_word_embeddings=True, hidden_size=12, num_attention_heads=3),
    "qwen3": dict(model_type="qwen3", num_key_value_heads=2, head_dim=6, rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
    "qwen3-tied-biases": dict(model_type="qwen3", num_key_value_heads=1, head_dim=8, tie_word_embeddings=True, attention_bias=True),
    "mistral": dict(model_type="mistral", num_key_value_heads=2, head_dim=4, sliding_window=5),
    "qwen2-window": dict(model_type="qwen2", num_key_value_heads=4, use_sliding_window=True, sliding_window=3, max_window_layers=0),
}


def make_relative(settings):
    """A configuration of an architecture other than Llama, which writes itself."""
    settings = {**SMALL, **settings}
    return AutoConfig.for_model(settings.pop("model_type"), **settings, attn_implementation="eager")


def make_config(settings):
    settings = dict(settings)
    dialect = settings.pop("dialect")
    theta = settings.pop("rope_theta")
    scaling = settings.pop("scaling", None)
    rope = dict(scaling or dict(rope_type="default"), rope_theta=theta)
    config = LlamaConfig(**{**COMMON, **settings}, rope_parameters=rope, attn_implementation="eager")
    written = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", **COMMON, **settings}
    if dialect == "rope_parameters":
        written["rope_parameters"] = rope
    else:
        written["rope_theta"] = theta
        written["rope_scaling"] = scaling
    return config, written


def make_model(config, seed):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn_like(p) * 0.2
            p.copy_(1 + noise if name.endswith("norm.weight") else noise)
    return model


def loss_sum(model, ids):
    """Sum of the cross entropies of tokens 1.. of every row, each given those before it."""
    logits = model(input_ids=ids.long()).logits
    return torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1).long(), reduction="sum")


def train(model, pool):
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [dict(params=decayed, weight_decay=WEIGHT_DECAY), dict(params=others, weight_decay=0.0)], lr=PEAK_RATE, betas=BETAS, eps=EPSILON)
    scheduler = get_scheduler("cosine", optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
    predicted = MICRO_BATCHES * BATCH * (LENGTH - 1)
    steps = []
    for step in range(STEPS):
        total = 0.0
        optimizer.zero_grad()
        for m in range(MICRO_BATCHES):
            loss = loss_sum(model, pool[(step * MICRO_BATCHES + m) % POOL]) / predicted
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        steps.append(dict(loss=total, grad_norm=norm.item(), learning_rate=scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return steps


def make(directory, settings, seed):
    directory.mkdir(parents=True, exist_ok=True)
    if "model_type" in settings:
        config = make_relative(settings)
        model = make_model(config, seed)
        model.save_pretrained(directory)
        (directory / "generation_config.json").unlink()
    else:
        config, written = make_config(settings)
        model = make_model(config, seed)
        (directory / "config.json").write_text(json.dumps(written, indent=2) + "\n")
        tied = config.tie_word_embeddings
        weights = {n: p.detach().clone() for n, p in model.named_parameters() if not (tied and n == "lm_head.weight")}
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})

    ids = torch.randint(0, config.vocab_size, (BATCH, LENGTH), dtype=torch.int32)
    pool = torch.randint(0, config.vocab_size, (POOL, BATCH, LENGTH), dtype=torch.int32)
    (loss_sum(model, ids) / (BATCH * (LENGTH - 1))).backward()
    reference = {f"gradient.{n}": p.grad.clone() for n, p in model.named_parameters()}
    with torch.no_grad():
        reference["logits"] = model(input_ids=ids.long()).logits.contiguous()
    reference["input_ids"] = ids
    reference["training_ids"] = pool
    save_file(reference, directory / "reference.safetensors")
    model.zero_grad()
    settings = dict(
        micro_batches=MICRO_BATCHES, peak_learning_rate=PEAK_RATE, warmup_steps=WARMUP, weight_decay=WEIGHT_DECAY, max_grad_norm=MAX_NORM,
        beta1=BETAS[0], beta2=BETAS[1], epsilon=EPSILON, steps=train(model, pool))
    text = json.dumps(settings).replace("{\"loss\"", "\n  {\"loss\"")
    (directory / "training.json").write_text(text + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for seed, (name, settings) in enumerate({**CONFIGS, **RELATIVES}.items()):
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        make(pathlib.Path(sys.argv[1]) / name, settings, seed)
        print("made", name, "with torch", torch.__version__)
