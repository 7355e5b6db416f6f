"""Checkpoints between Kintsugi and torch.distributed.checkpoint, in both directions, with the real libraries.

    python worker/src/test/python/round_trip.py [WORK_DIR]

1. Kintsugi trains a small Llama whose rows do not divide on 3 ranks, and on 2. Each checkpoint is loaded through HuggingFaceStorageReader
   into an FSDP2 model on another number of ranks (torchrun, gloo): weights and both moments equal the shard files' bits.
2. `kintsugi checkpoint export`, whole, split and in bfloat16, loads in transformers: weights and logits equal.
3. An FSDP2 model on 2 ranks, and on 3, saves itself sharded with HuggingFaceStorageWriter (float32 and bfloat16). Kintsugi starts a job
   from that on another number of ranks, takes a step of learning rate 0, and exports: equal to what FSDP2 had, to the bit.

Needs torch, transformers and safetensors; nothing is downloaded. WORK_DIR (default: a temporary directory) is removed when all is well.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = pathlib.Path(__file__).resolve().parents[4]
RESOURCES = ROOT / "client/src/main/resources/dev/kintsugi/client/quickstart"
CONFIG = dict(model_type="llama", hidden_size=36, intermediate_size=50, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
              vocab_size=8192, max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=False)


def main(work: pathlib.Path) -> None:
    (work / "tokenizer").mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(RESOURCES / name, work / "tokenizer" / name)
    (work / "text.txt").write_text((RESOURCES / "english.txt").read_text()[:120_000])
    (work / "config.json").write_text(json.dumps(CONFIG))
    for saving, loading in ((3, 2), (2, 3)):
        to_torch(work, saving, loading)
    for saving, loading, dtype in ((3, 2, "float32"), (2, 3, "float32"), (3, 1, "bfloat16")):
        from_torch(work, saving, loading, dtype)
    print("round trip: all equal to the bit")


def to_torch(work: pathlib.Path, saving: int, loading: int) -> None:
    out = work / f"kintsugi-{saving}"
    train(work, out, saving, "--config_name", work / "config.json", "--max_steps", 3, "--learning_rate", 3e-3)
    checkpoint = out / "checkpoints/step-00000003"
    check_headers(checkpoint)
    torchrun(loading, "load", checkpoint)
    print(f"{saving} Kintsugi ranks -> {loading} FSDP2 ranks: weights and moments equal")
    check_exports(work, out, checkpoint)


def from_torch(work: pathlib.Path, saving: int, loading: int, dtype: str) -> None:
    source = work / f"torch-{saving}-{dtype}"
    source.mkdir()
    (source / "config.json").write_text(json.dumps(CONFIG | {"torch_dtype": dtype}))
    reference = work / f"reference-{saving}-{dtype}.safetensors"
    torchrun(saving, "save", source, reference, dtype)
    out = work / f"from-torch-{saving}-{dtype}"
    train(work, out, loading, "--model_name", source, "--max_steps", 1, "--learning_rate", 0)
    export = work / f"from-torch-{saving}-{dtype}-export"
    kintsugi("checkpoint", "export", out, "--output_dir", export)
    assert_equal(tensors(export), {name: t.float() for name, t in tensors(reference).items()}, export)
    print(f"{saving} FSDP2 ranks, {dtype} -> {loading} Kintsugi ranks: weights equal")


def train(work: pathlib.Path, out: pathlib.Path, ranks: int, *more) -> None:
    kintsugi("train", "--local", ranks, "--output_dir", out, "--tokenizer_name", work / "tokenizer", "--dataset_name", work / "text.txt",
             "--max_length", 32, "--per_device_train_batch_size", 1, "--microbatches_per_step", 6, "--seed", 7, *more)


def kintsugi(*arguments) -> None:
    run([ROOT / "kintsugi", *arguments])


def torchrun(ranks: int, *arguments) -> None:
    run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", ranks, __file__, *arguments])


def run(command: list) -> None:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300,
                            env=os.environ | {"OMP_NUM_THREADS": "1"})
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{result.stdout[-3000:]}\n{result.stderr[-6000:]}")


def tensors(path: pathlib.Path) -> dict:
    from safetensors.torch import load_file

    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    found = {}
    for file in files:
        found.update(load_file(file))
    return found


def assert_equal(actual: dict, expected: dict, where) -> None:
    import torch

    assert set(actual) == set(expected), f"{where}: other tensors: {sorted(set(actual) ^ set(expected))}"
    for name, t in expected.items():
        a = actual[name]
        assert a.dtype == t.dtype and a.shape == t.shape, f"{where}: {name} is {a.dtype} {a.shape}, expected {t.dtype} {t.shape}"
        bits = torch.int32 if t.element_size() == 4 else torch.int16
        assert torch.equal(a.view(bits), t.view(bits)), f"{where}: {name} differs"


def check_headers(checkpoint: pathlib.Path) -> None:
    """Each shard file says of its tensors what HuggingFaceStorageWriter would have said."""
    from safetensors import safe_open

    for file in sorted(checkpoint.glob("*/*.safetensors")):
        with safe_open(file, framework="pt") as f:
            info = json.loads(f.metadata()["DCP_SHARDING_INFO"])
            assert f.metadata()["DCP_VERSION"] == "1.0" and f.metadata()["format"] == "pt", f.metadata()
            assert set(info) == set(f.keys()), file
            for name, entry in info.items():
                assert list(entry) == ["saved_offsets"] and len(entry["saved_offsets"]) == len(f.get_slice(name).get_shape()), entry


def joined(directory: pathlib.Path) -> dict:
    """The whole tensors of a directory of shard files, put together from their headers alone."""
    import torch
    from safetensors import safe_open

    pieces: dict = {}
    for file in sorted(directory.glob("*.safetensors")):
        with safe_open(file, framework="pt") as f:
            info = json.loads(f.metadata()["DCP_SHARDING_INFO"])
            for name in f.keys():
                pieces.setdefault(name, []).append((info[name]["saved_offsets"][0], f.get_tensor(name)))
    return {name: torch.cat([t for _, t in sorted(p, key=lambda piece: piece[0])]) for name, p in pieces.items()}


def check_exports(work: pathlib.Path, out: pathlib.Path, checkpoint: pathlib.Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights = joined(checkpoint / "model")
    ids = torch.arange(32).reshape(2, 16) * 37 % CONFIG["vocab_size"]
    for name, flags in (("whole", []), ("split", ["--max_shard_size", "500KB"]), ("bfloat16", ["--dtype", "bfloat16"])):
        export = work / f"{out.name}-{name}"
        kintsugi("checkpoint", "export", out, "--output_dir", export, *flags)
        expected = {k: t.bfloat16() if name == "bfloat16" else t for k, t in weights.items()}
        assert_equal(tensors(export), expected, export)
        model = AutoModelForCausalLM.from_pretrained(export)
        assert_equal(dict(model.state_dict()), expected, export)
        assert (len(list(export.glob("model-*.safetensors"))) > 1) == (name == "split")
        with torch.no_grad():
            logits = model(ids).logits
            oracle = AutoModelForCausalLM.from_config(model.config, dtype=model.dtype).eval()
            oracle.load_state_dict(expected)
            assert torch.equal(logits, oracle(ids).logits), f"{export}: logits differ"
        assert AutoTokenizer.from_pretrained(export)("Once upon a time")["input_ids"]
        print(f"{export.name}: loads in transformers, weights and logits equal")


# ---- what each rank of a torchrun does ------------------------------------------------------------------------------------------------


def sharded_model(dtype: str):
    """A FSDP2 Llama, cut as FSDP2 cuts it: by rows, unevenly."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**CONFIG)).to(getattr(torch, dtype))
    mesh = init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    for block in model.model.layers:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    model.to_empty(device="cpu")
    return model


def rank_load(checkpoint: pathlib.Path) -> None:
    import torch
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint import HuggingFaceStorageReader

    model = sharded_model("float32")
    weights = model.state_dict()
    moments = {f"state.{name}.{kind}": torch.full_like(t, float("nan")) for name, t in weights.items() for kind in ("exp_avg", "exp_avg_sq")}
    for part, state in (("model", weights), ("optimizer", moments)):
        dcp.load(state, storage_reader=HuggingFaceStorageReader(str(checkpoint / part)))
        whole = {name: t.full_tensor() for name, t in state.items()}
        assert_equal(whole, joined(checkpoint / part), checkpoint / part)
    model.load_state_dict(weights)


def rank_save(target: pathlib.Path, reference: pathlib.Path, dtype: str) -> None:
    import torch
    import torch.distributed.checkpoint as dcp
    from safetensors.torch import save_file
    from torch.distributed.checkpoint import HuggingFaceStorageWriter

    model = sharded_model(dtype)
    torch.manual_seed(torch.distributed.get_rank())
    with torch.no_grad():
        for p in model.parameters():
            local = p.to_local()
            local.copy_(torch.randn(local.shape) * 0.02)
    state = model.state_dict()
    dcp.save(state, storage_writer=HuggingFaceStorageWriter(str(target), save_distributed=True))
    whole = {name: t.full_tensor() for name, t in state.items()}
    if torch.distributed.get_rank() == 0:
        save_file(whole, reference)


def rank(task: str, arguments: list[str]) -> None:
    import torch

    torch.distributed.init_process_group("gloo")
    torch.set_num_threads(1)
    if task == "load":
        rank_load(pathlib.Path(arguments[0]))
    else:
        rank_save(pathlib.Path(arguments[0]), pathlib.Path(arguments[1]), arguments[2])
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    if "LOCAL_RANK" in os.environ:
        rank(sys.argv[1], sys.argv[2:])
    else:
        directory = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else pathlib.Path(tempfile.mkdtemp(prefix="kintsugi-round-trip-"))
        main(directory)
        shutil.rmtree(directory)
