"""The readers of outside input, each with valid inputs, and how these are corrupted."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from msgspec.structs import replace
from PIL import Image

from tests.hostile import sealed
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.folder import load_folder
from visbase.pipeline.datasets.idx import IdxFile, read_idx
from visbase.pipeline.datasets.splits import part
from visbase.pipeline.experiments import measured, records
from visbase.pipeline.images.photo_files import FORMATS, LARGE_PX, read_image
from visbase.pipeline.models.calibration import Calibration
from visbase.pipeline.models.file import load_model, save_model
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.models.novelty import learn_novelty
from visbase.pipeline.storage import ROOT, results

Target = Callable[[bytes], object]
Reader = tuple[Target, list[bytes]]  # and valid inputs to begin from

MODELS = ("majority", "linear", "lenet5")  # whose files are corrupted
WORDS = (b"Infinity", b"1e999", b"NaN", b"-1", b"null", b'"', b"[", b"9" * 400)
NUMBERS = (0, 1, 255, 2**15, 2**31 - 1, 2**32 - 1)
BYTE_ORDERS: tuple[Literal["big", "little"], ...] = ("big", "little")
COMBINATION = {  # valid, for any test images
    "methods": ["a", "b"],
    "weight": 0.5,
    "n_validation": 50,
    "validation_errors": {"a": 20, "b": 10, "weighted sum": 4},
    "answers": ["a", "b", "weighted sum", "stacked"],
    "commit": "0123456789",
}
LETTERS = "abnwords=0123456789.,-+e()[]{}'\"\\\n é∞"
SETTINGS = ("n_words=200", "levels=(1,2,4)", "bins_px=2.0", "deskewed=False", LETTERS)


def mutated(seeds: list[bytes], dice: random.Random) -> bytes:
    """Return one of the seeds after one to four small changes."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(data) + 1)
        length = dice.randint(1, 8)
        stop = start + length
        match dice.randrange(7):
            case 0 if data:
                data[start % len(data)] ^= 1 << dice.randrange(8)
            case 1:
                data[start:stop] = dice.randbytes(length)
            case 2:
                del data[start:stop]
            case 3:
                data[start:start] = data[start:stop]
            case 4:
                number = dice.choice(NUMBERS).to_bytes(4, dice.choice(BYTE_ORDERS))
                data[start : start + 4] = number
            case 5:
                data[start:stop] = dice.choice(WORDS)
            case _:
                other = dice.choice(seeds)
                data[start:] = other[dice.randrange(len(other) + 1) :]
    return bytes(data)


def _write(path: Path, data: bytes) -> Path:
    """Write a new file: to overwrite one may wait a millisecond for the disk."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


def _packed(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _idx(folder: Path) -> Reader:
    head = bytes([0, 0, 8, 3]) + np.array([3, 4, 4], ">u4").tobytes()
    content = head + bytes(range(48))
    expected = IdxFile("file.gz", (3, 4, 4), hashlib.sha256(content).hexdigest())

    def target(data: bytes) -> object:
        # half of the corruptions are inside a valid gzip stream
        packed = data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1)
        return read_idx(_write(folder / "file.gz", packed), expected)

    return target, [content, gzip.compress(content, 1)]


def _records(folder: Path) -> Reader:
    path = folder / "seed0.json"
    source = records.record_path(results(), "mnist", "majority", 0)
    record = json.loads(source.read_text()) | {"n_test": 12, "n_correct": 6}
    predictions = np.array([[0] * 12, [1] * 6 + [0] * 6], np.uint8)
    text = json.dumps(record).encode()
    array = _packed(lambda file: np.save(file, predictions))

    def target(data: bytes) -> object:
        is_array = data[:1] == b"\x93"
        _write(path, text if is_array else data)
        _write(path.with_suffix(".npy"), data if is_array else array)
        return records.read_predictions(path, records.read_record(path))

    return target, [text, array]


def _models(folder: Path) -> Reader:
    """Models of a few digits that know probabilities, and what is no digit."""
    from tests.pipeline.saved_models import fit_and_save  # whose records begin here

    path, seeds = folder / "model", []
    few = part(load_dataset("mnist").train, slice(0, 600))
    novelty = learn_novelty(few)
    sure = np.linspace(0.3, 1, 9, dtype=np.float32)
    calibration = Calibration(2.0, sure, np.arange(9) % 3 > 0)
    for method in MODELS:
        classifier = fit_and_save(method, few, path)
        card = replace(load_model(path).card, kind="digits")
        save_model(path, classifier, card, calibration, novelty)
        seeds.append(path.read_bytes())

    def target(data: bytes) -> object:
        if len(data) % 2:  # half of them get a right length and a right checksum
            seed = min(seeds, key=lambda seed: abs(len(seed) - len(data)))
            data = sealed((data + seed[len(data) :])[: len(seed)])
        return load_model(_write(path, data))

    return target, seeds


def _weights(folder: Path) -> Reader:
    """Weights of a backbone as safetensors and as torch.save writes them."""
    import torch
    from safetensors.torch import save

    from visbase.cnn.backbone.weights import read_weights

    expected = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}
    pickled = _packed(lambda file: torch.save(expected, file))

    def target(data: bytes) -> object:
        ending = "pth" if data[:2] in (b"PK", b"\x80\x02") else "safetensors"
        path = _write(folder / f"weights.{ending}", data)
        return read_weights(path, expected, ("head.",))

    return target, [save(expected), pickled]


def _images(_folder: Path) -> Reader:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    colour = Image.fromarray(pixels)
    seeds = [
        _packed(lambda file, image=image, kind=kind: image.save(file, kind))
        for kind in FORMATS
        for image in (colour, colour.convert("L"))
    ]
    deep = Image.fromarray(pixels[..., 0] * np.uint16(16))  # 12 of 16 bits
    seeds += [
        _packed(lambda file, kind=kind: deep.save(file, kind))
        for kind in ("PNG", "TIFF", "JPEG2000", "PPM")
    ]
    with contextlib.suppress(ImportError):
        from pillow_heif import from_pillow

        seeds.append(_packed(from_pillow(colour).save))
    large = colour.resize((LARGE_PX + 1, 3))  # decoded at a reduced scale
    seeds.append(_packed(lambda file: large.save(file, "JPEG")))
    return lambda data: read_image(io.BytesIO(data), len(data) % 2 * 100), seeds


def _folders(root: Path) -> Reader:
    """Another file among those of two classes: length of its name, name, content."""
    for name in "ab":
        (root / name).mkdir()
        for i in range(3):
            Image.new("L", (4, 4), 50 * i).save(root / name / f"{i}.png")
    content = _packed(lambda file: Image.new("L", (5, 3), 7).save(file, "PNG"))

    def target(data: bytes) -> object:
        stop = 1 + (data[0] % 40 if data else 0)
        name = data[1:stop].replace(b"/", b"_").replace(b"\0", b"_")
        path = root / "a" / os.fsdecode(name if name.strip(b".") else b"x")
        path.write_bytes(data[stop:])
        try:
            return load_folder(root, train_per_class=1, skip_bad=len(data) % 2 == 0)
        finally:
            path.unlink()

    names = (b"c.png", "日本 é.png".encode(), b"\xff\n.jpg")
    return target, [bytes([len(name)]) + name + content for name in names]


def _settings(_folder: Path) -> Reader:
    method = find_method("bovw_pyramid")
    method.load()  # its libraries are not what an input costs

    def target(data: bytes) -> object:
        return method.configure("full", [data.decode("utf-8", "surrogateescape")])

    return target, [setting.encode() for setting in SETTINGS]


def _tables(folder: Path) -> Reader:
    """What `curve` and `corruption` measured, and the facts of a combination."""
    table, combination = folder / "linear.csv", folder / "a+b.json"
    np.save(combination.with_suffix(".npy"), np.zeros((5, 3), np.int16))
    seeds = [json.dumps(COMBINATION).encode()]
    for name in ("curves", "corruption"):
        committed = ROOT / "reports" / name / "mnist" / "linear.csv"
        head, *rows = committed.read_bytes().splitlines(keepends=True)
        seeds.append(head + rows[0] + rows[1])

    def target(data: bytes) -> object:
        if data[:1] == b"{":
            return measured.read_combination(_write(combination, data))
        is_curve = b"n_train" in data
        kind = measured.CurvePoint if is_curve else measured.CorruptionErrors
        return measured.read_measurements(_write(table, data), kind)

    return target, seeds


READERS: dict[str, tuple[float, Callable[[Path], Reader]]] = {  # and part of all inputs
    "IDX files": (0.20, _idx),
    "records": (0.20, _records),
    "model files": (0.05, _models),
    "weights of networks": (0.05, _weights),
    "images": (0.07, _images),
    "folders of images": (0.03, _folders),
    "--set": (0.25, _settings),
    "tables of measurements": (0.15, _tables),
}
