"""Holds a Kintsugi checkpoint, and its export, against the model it was made from, with the real libraries.

    python check_checkpoint.py MODEL_DIR CHECKPOINT_DIR [EXPORT_DIR]

MODEL_DIR is a Hugging Face model, CHECKPOINT_DIR a checkpoint that FixtureCheckpoint made of it, EXPORT_DIR an export of that.
- torch.distributed.checkpoint loads model/ and optimizer/ through HuggingFaceStorageReader;
- the header of each shard has what HuggingFaceStorageWriter would have written;
- transformers loads the export and gives the model's logits, to the bit.
Needs torch, transformers, safetensors.
"""

import json
import pathlib
import sys

import torch
import torch.distributed.checkpoint as dcp
from safetensors import safe_open
from safetensors.torch import load_file
from torch.distributed.checkpoint import HuggingFaceStorageReader


def weights(directory: pathlib.Path) -> dict[str, torch.Tensor]:
    tensors = {}
    for file in sorted(directory.glob("model*.safetensors")):
        tensors.update({name: t.float() for name, t in load_file(file).items()})
    if json.loads((directory / "config.json").read_text()).get("tie_word_embeddings"):
        tensors.pop("lm_head.weight", None)
    return tensors


def check_dcp(directory: pathlib.Path, expected: dict[str, torch.Tensor]) -> None:
    loaded = {name: torch.full_like(t, float("nan")) for name, t in expected.items()}
    dcp.load(loaded, storage_reader=HuggingFaceStorageReader(str(directory)), no_dist=True)
    for name, t in expected.items():
        assert torch.equal(loaded[name], t), f"{directory}: {name} differs"
    metadata = HuggingFaceStorageReader(str(directory)).read_metadata()
    assert set(metadata.state_dict_metadata) == set(expected), f"{directory}: other tensors"
    for name, t in expected.items():
        assert metadata.state_dict_metadata[name].size == t.shape, f"{directory}: {name} has another size"
    print(f"{directory}: {len(expected)} tensors equal through torch.distributed.checkpoint")


def check_headers(directory: pathlib.Path) -> None:
    for file in sorted(directory.glob("*.safetensors")):
        with safe_open(file, framework="pt") as f:
            metadata = f.metadata()
            assert metadata["DCP_VERSION"] == "1.0" and metadata["format"] == "pt", metadata
            info = json.loads(metadata["DCP_SHARDING_INFO"])
            assert set(info) == set(f.keys()), file
            for name, entry in info.items():
                assert list(entry) == ["saved_offsets"], entry
                assert len(entry["saved_offsets"]) == len(f.get_slice(name).get_shape()), entry


def check_export(model: pathlib.Path, export: pathlib.Path) -> None:
    from transformers import AutoModelForCausalLM

    original = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    exported = AutoModelForCausalLM.from_pretrained(export)
    assert exported.dtype == torch.float32, exported.dtype
    torch.manual_seed(0)
    ids = torch.randint(0, original.config.vocab_size, (2, 16))
    with torch.no_grad():
        assert torch.equal(original(ids).logits, exported(ids).logits), "logits differ"
    print(f"{export}: loads in transformers, logits equal to the bit")


def main() -> None:
    model, checkpoint = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    expected = weights(model)
    check_dcp(checkpoint / "model", expected)
    moments = {f"state.{name}.exp_avg": t for name, t in expected.items()}
    moments |= {f"state.{name}.exp_avg_sq": torch.zeros_like(t) for name, t in expected.items()}
    check_dcp(checkpoint / "optimizer", moments)
    check_headers(checkpoint / "model")
    check_headers(checkpoint / "optimizer")
    if len(sys.argv) > 3:
        check_export(model, pathlib.Path(sys.argv[3]))


main()
