"""Model files that try to run code or to write files: nothing happens."""

import io
import itertools
import json
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save

from tests.hostile import Canary
from tests.soak.fault import Fault, new_folder, refusal_problems, run

OUTCOME = (
    "`predict`, `explain`, `export` and `corruption` refuse it in one error line; "
    "no code runs, no file is written"
)


def faults(short: bool) -> Iterator[Fault]:
    with new_folder() as folder:
        home = folder / "home"
        home.mkdir()
        image, model = home / "image.png", home / "model.visbase"
        Image.new("L", (28, 28)).save(image)
        commands = (
            ["predict", str(model), str(image)],
            ["explain", str(model), str(image), "--out", str(home / "out.png")],
            ["export", str(model), "--out", str(home / "out.onnx")],
            ["corruption", str(model)],
        )
        for name, contents in _attacks(folder / "canary").items():
            trials = list(itertools.product(contents[: 1 if short else None], commands))
            problems = []
            for content, command in trials:
                model.write_bytes(content)
                files = sorted(folder.rglob("*"))
                problems += refusal_problems(command[0], run(command, home))
                if sorted(folder.rglob("*")) != files:
                    problems.append(f"{command[0]} wrote a file")
            yield Fault(name, len(trials), OUTCOME, problems)


def _attacks(canary: Path) -> dict[str, list[bytes]]:
    """Contents of model files by the name of the attack."""
    protocols = range(pickle.HIGHEST_PROTOCOL + 1)
    pickles = [pickle.dumps(Canary(canary), protocol) for protocol in protocols]
    # the first as torch.save writes it, the others lead out of the folder
    names = ("model/data.pkl", f"../{canary.name}", str(canary))
    zips = [_zip(name, pickles[-1]) for name in names]
    return {
        "a pickle instead of a model": pickles,
        "a zip instead of a model, also with paths outside its folder": zips,
        "a skops file that runs a command when loaded": [_skops_file(canary)],
        "a safetensors header that lies about sizes": _lies(),
    }


def _skops_file(canary: Path) -> bytes:
    """As skops writes it, of a type that runs a command."""
    call = {"__class__": "system", "__module__": "os", "__loader__": "TypeNode"}
    schema = {
        "__class__": "Pipeline",
        "__module__": "sklearn.pipeline",
        "__loader__": "ReduceNode",
        "content": {"constructor": call, "args": [f"touch {canary}"]},
        "protocol": 2,
    }
    return _zip("schema.json", json.dumps(schema).encode())


def _lies() -> list[bytes]:
    """Safetensors whose headers promise more than there is, or overlap."""
    content = save({"x": np.zeros(4, np.float32)}, {"card": "{}", "sha256": "0" * 64})
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    lies = []
    for offsets, shape in (
        ([0, 2**60], [2**58]),
        ([0, 16], [2**40, 2**40]),
        ([-16, 0], [4]),
        ([8, 8], [4]),
    ):
        header["x"] |= {"data_offsets": offsets, "shape": shape}
        text = json.dumps(header).encode()
        lies.append(len(text).to_bytes(8, "little") + text + content[start:])
    return [*lies, (2**63).to_bytes(8, "little") + content[8:]]


def _zip(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()
