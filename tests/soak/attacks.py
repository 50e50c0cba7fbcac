"""Model files that try to run code or to write files: nothing happens."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save

from tests.hostile import Canary
from tests.soak.fault import Fault, places, told_in_one_line, visbase

OUTCOME = (
    "`predict`, `explain`, `export` and `corruption` refuse it in one error line; "
    "no code runs, no file is written"
)


def faults(short: bool) -> Iterator[Fault]:
    for name, attack in ATTACKS.items():
        bad, trials = [], 0
        with tempfile.TemporaryDirectory() as folder:
            home, sung = Path(folder) / "home", Path(folder) / "sung"
            home.mkdir()
            image, model = home / "image.png", home / "model.visbase"
            Image.new("L", (28, 28)).save(image)
            out = str(home / "out")
            openers = (
                ["predict", str(model), str(image)],
                ["explain", str(model), str(image), "--out", f"{out}.png"],
                ["export", str(model), "--out", f"{out}.onnx"],
                ["corruption", str(model)],
            )
            contents = itertools.islice(attack(sung), 1 if short else None)
            for content, command in itertools.product(contents, openers):
                trials += 1
                model.write_bytes(content)
                before = sorted(Path(folder).rglob("*"))
                done = visbase(command, places(home))
                if done.returncode != 2 or not told_in_one_line(done):
                    bad.append(
                        f"{command[0]}: status {done.returncode}: {done.stderr[-200:]}"
                    )
                if sorted(Path(folder).rglob("*")) != before:
                    bad.append(f"{command[0]} wrote a file")
        yield Fault(name, trials, OUTCOME, bad)


def _pickles(sung: Path) -> Iterator[bytes]:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(Canary(sung), protocol)


def _zips(sung: Path) -> Iterator[bytes]:
    """As torch.save writes them, and with paths that lead out of the folder."""
    for name in ("model/data.pkl", f"../{sung.name}", str(sung)):
        yield _zip({name: pickle.dumps(Canary(sung))})


def _skops(sung: Path) -> Iterator[bytes]:
    """As skops writes them, of a type that runs a command."""
    call = {"__class__": "system", "__module__": "os", "__loader__": "TypeNode"}
    schema = {
        "__class__": "Pipeline",
        "__module__": "sklearn.pipeline",
        "__loader__": "ReduceNode",
        "content": {"constructor": call, "args": [f"touch {sung}"]},
        "protocol": 2,
    }
    yield _zip({"schema.json": json.dumps(schema).encode()})


def _lies(_sung: Path) -> Iterator[bytes]:
    """Headers of safetensors that promise more than there is, or overlap."""
    content = save({"x": np.zeros(4, np.float32)}, {"card": "{}", "sha256": "0" * 64})
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    for offsets, shape in (
        ([0, 2**60], [2**58]),
        ([0, 16], [2**40, 2**40]),
        ([-16, 0], [4]),
        ([8, 8], [4]),
    ):
        header["x"] |= {"data_offsets": offsets, "shape": shape}
        text = json.dumps(header).encode()
        yield len(text).to_bytes(8, "little") + text + content[start:]
    yield (2**63).to_bytes(8, "little") + content[8:]


def _zip(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


ATTACKS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    "a pickle instead of a model": _pickles,
    "a zip instead of a model, also with paths outside its folder": _zips,
    "a skops file that runs a command when loaded": _skops,
    "a safetensors header that lies about sizes": _lies,
}
