"""What reads input from outside, each with sound inputs and how they are damaged."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile import sealed
from tests.soak.fault import places, visbase
from visbase.pipeline.datasets.folder import load_folder
from visbase.pipeline.datasets.idx import IdxFile, read_idx
from visbase.pipeline.experiments.measured import (
    CorruptionErrors,
    CurvePoint,
    read_combination,
    read_measurements,
)
from visbase.pipeline.experiments.records import (
    read_predictions,
    read_record,
    record_path,
)
from visbase.pipeline.images.photo_files import read_image
from visbase.pipeline.models.file import load_model
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.storage import results
from visbase.pipeline.storage.tables import to_csv

Target = Callable[[bytes], object]

MODELS = ("majority", "linear", "lenet5")  # whose files are damaged
WORDS = (b"Infinity", b"1e999", b"NaN", b"-1", b"null", b'"', b"[", b"9" * 400)
COMBINATION = {  # facts of a sound one, on any test images
    "methods": ["a", "b"],
    "weight": 0.5,
    "n_validation": 50,
    "validation_errors": {"a": 20, "b": 10, "weighted sum": 4},
    "answers": ["a", "b", "weighted sum", "stacked"],
    "commit": "0123456789",
}
LETTERS = "abnwords=0123456789.,-+e()[]{}'\"\\\n é∞"


def targets(
    folder: Path, models: Sequence[str] = MODELS
) -> dict[str, tuple[Target, list[bytes]]]:
    """What reads input from outside, each with sound inputs to begin from."""
    return {
        "IDX files": _idx(folder / "file.gz"),
        "records": _records(folder / "record"),
        "model files": _models(folder / "model", models),
        "images": _images(),
        "folders of images": _folders(folder / "photos"),
        "--set": _settings(),
        "tables of measurements": _tables(folder / "tables"),
    }


def mutated(seeds: list[bytes], dice: random.Random) -> bytes:
    """One of the seeds after one to four small damages."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(data) + 1)
        length = dice.randint(1, 8)
        kind = dice.randrange(7)
        if kind == 0 and data:
            data[place % len(data)] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[place : place + length] = dice.randbytes(length)
        elif kind == 2:
            del data[place : place + length]
        elif kind == 3:
            data[place:place] = data[place : place + length]
        elif kind == 4:
            number = dice.choice([0, 1, 255, 2**15, 2**31 - 1, 2**32 - 1])
            data[place : place + 4] = number.to_bytes(4, dice.choice(["big", "little"]))
        elif kind == 5:
            data[place : place + length] = dice.choice(WORDS)
        else:
            other = dice.choice(seeds)
            data[place:] = other[dice.randrange(len(other) + 1) :]
    return bytes(data)


def _write_anew(path: Path, data: bytes) -> None:
    """Writing over a file that is there may wait for the disk, a millisecond a time."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def _idx(path: Path) -> tuple[Target, list[bytes]]:
    content = (
        bytes([0, 0, 8, 3]) + np.array([3, 4, 4], ">u4").tobytes() + bytes(range(48))
    )
    expected = IdxFile("file.gz", (3, 4, 4), hashlib.sha256(content).hexdigest())
    packed = gzip.compress(content, 1)

    def target(data: bytes) -> object:
        # half of the damage is inside a sound gzip stream
        whole = data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1)
        _write_anew(path, whole)
        return read_idx(path, expected)

    return target, [content, packed]


def _records(folder: Path) -> tuple[Target, list[bytes]]:
    source = record_path(results(), "mnist", "majority", 0)
    folder.mkdir()
    path = folder / "seed0.json"
    facts = json.loads(source.read_text())
    facts |= {"n_test": 12, "n_correct": 6}
    small = np.zeros((2, 12), np.uint8)
    small[1, :6] = 1
    array = io.BytesIO()
    np.save(array, small)
    text, packed = json.dumps(facts).encode(), array.getvalue()

    def target(data: bytes) -> object:
        is_array = data[:1] == b"\x93"
        _write_anew(path, text if is_array else data)
        _write_anew(path.with_suffix(".npy"), data if is_array else packed)
        return read_predictions(path, read_record(path))

    return target, [text, packed]


def _models(path: Path, methods: Sequence[str]) -> tuple[Target, list[bytes]]:
    seeds = []
    for method in methods:
        home = path.with_name("home")
        arguments = ["run", method, "--preset", "quick", "--save", str(path)]
        done = visbase(arguments, places(home))
        if done.returncode:
            raise RuntimeError(done.stderr)
        seeds.append(path.read_bytes())

    def target(data: bytes) -> object:
        # half of the damage is sealed again by a right checksum, and of a right length
        _write_anew(path, sealed(_lengthened(data, seeds)) if len(data) % 2 else data)
        return load_model(path)

    return target, seeds


def _lengthened(data: bytes, seeds: list[bytes]) -> bytes:
    """Cut or filled up to the length of the seed that is nearest in length."""
    seed = min(seeds, key=lambda seed: abs(len(seed) - len(data)))
    return (data + seed[len(data) :])[: len(seed)]


def _images() -> tuple[Target, list[bytes]]:
    dice = np.random.default_rng(0)
    colour = Image.fromarray(dice.integers(0, 256, (9, 7, 3), np.uint8))
    seeds = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        for image in (colour, colour.convert("L")):
            file = io.BytesIO()
            image.save(file, kind)
            seeds.append(file.getvalue())
    return lambda data: read_image(io.BytesIO(data)), seeds


def _folders(root: Path) -> tuple[Target, list[bytes]]:
    """Another file among those of two classes: length of its name, name, content."""
    for name in "ab":
        (root / name).mkdir(parents=True)
        for i in range(3):
            Image.new("L", (4, 4), 50 * i).save(root / name / f"{i}.png")
    file = io.BytesIO()
    Image.new("L", (5, 3), 7).save(file, "PNG")

    def target(data: bytes) -> object:
        length = data[0] % 40 if data else 0
        name, content = data[1 : length + 1], data[length + 1 :]
        name = name.replace(b"/", b"_").replace(b"\0", b"_")
        path = root / "a" / os.fsdecode(name if name.strip(b".") else b"x")
        path.write_bytes(content)
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # what is left out
                return load_folder(root, 1, 0, skip_bad=len(data) % 2 == 0)
        finally:
            path.unlink()

    names = (b"c.png", "日本 é.png".encode(), b"\xff\n.jpg")
    return target, [bytes([len(name)]) + name + file.getvalue() for name in names]


def _settings() -> tuple[Target, list[bytes]]:
    method = find_method("bovw_pyramid")
    seeds = ["n_words=200", "levels=(1,2,4)", "bins_px=2.0", "deskewed=False", LETTERS]

    def target(data: bytes) -> object:
        return method.configure("full", [data.decode("utf-8", "surrogateescape")])

    return target, [seed.encode() for seed in seeds]


def _tables(folder: Path) -> tuple[Target, list[bytes]]:
    """What `curve` and `corruption` measured, and a combination's facts."""
    folder.mkdir()
    table, combination = folder / "linear.csv", folder / "a+b.json"
    np.save(combination.with_suffix(".npy"), np.zeros((5, 3), np.int16))
    seeds = [json.dumps(COMBINATION)]
    for kind in (CurvePoint, CorruptionErrors):
        columns = kind.__struct_fields__
        row = dict.fromkeys(columns, "7") | {"method": "linear", "config": '{"a": 1}'}
        row |= {"family": "classical", "fit_s": "1.5", "seconds": "2.5"}
        row |= {"changes": "{}", "source": "curve"}
        rows = [{name: row[name] for name in columns} | {"n_errors": n} for n in "12"]
        rows[1] |= {name: "8" for name in ("seed", "level") if name in columns}
        seeds.append(to_csv(columns, rows))

    def target(data: bytes) -> object:
        if data[:1] == b"{":
            _write_anew(combination, data)
            return read_combination(combination)
        _write_anew(table, data)
        if b"n_train" in data:
            return read_measurements(table, CurvePoint)
        return read_measurements(table, CorruptionErrors)

    return target, [seed.encode() for seed in seeds]
