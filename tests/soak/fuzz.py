"""A million damaged inputs: each gives a result or BadInput, soon, in little memory."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.util
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import numpy as np
from PIL import Image

from pipeline.data import Dataset
from pipeline.errors import BadInput
from pipeline.folder import load_folder
from pipeline.idx import IdxFile, read_idx
from pipeline.images import sizes
from pipeline.methods import configure, find_method
from pipeline.model_file import open_model
from pipeline.paths import ROOT, results
from pipeline.photo_files import read_image
from pipeline.records import read_predictions, read_record, record_path
from tests.hostile import sealed
from tests.soak.fault import Fault, places, visbase

Target = Callable[[bytes], object]

LONGEST_S = 5  # for one input
WEIGHED = 10  # every so many inputs the memory is measured
TIMES, CONSTANT = 10, 30_000_000  # bytes: times the input and its image, and beside
SHARE = {  # of all inputs
    "IDX files": 0.30,
    "records": 0.20,
    "model files": 0.15,
    "images": 0.07,
    "folders of images": 0.03,
    "--set": 0.25,
}
MODELS = ("majority", "linear", "lenet5")  # whose files are damaged
INPUTS, SHORT_INPUTS = 1_050_000, 10_000
GUIDED, SHORT_GUIDED = 600_000, 12_000  # inputs of the coverage-guided fuzzer
OUTCOME = (
    "a result or one clear line; no traceback, no hang, no more memory than "
    f"{TIMES} times the input and the image decoded from it, and {CONSTANT // 10**6} MB"
)
GUIDED_OUTCOME = "a result or one clear line; no traceback, no hang"
LETTERS = "abnwords=0123456789.,-+e()[]{}'\"\\\n é∞"


class Hang(BaseException):
    """No Exception, since what reads files takes a TimeoutError for a broken one."""


def faults(short: bool) -> Iterator[Fault]:
    n = SHORT_INPUTS if short else INPUTS
    with tempfile.TemporaryDirectory() as folder:
        for name, (target, seeds) in targets(Path(folder)).items():
            yield _fuzz(name, target, seeds, int(n * SHARE[name]))
    yield from _guided(SHORT_GUIDED if short else GUIDED)
    yield _bombs()


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
    }


def _fuzz(name: str, target: Target, seeds: list[bytes], n: int) -> Fault:
    dice, bad = random.Random(0), []
    refused = 0

    def too_long(_signal: int, _frame: FrameType | None) -> None:
        raise Hang(f"took more than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, too_long)
    try:
        for i in range(n):
            data = mutated(seeds, dice)
            weigh = i % WEIGHED == 0
            result = None
            if weigh:
                tracemalloc.start()
            signal.alarm(LONGEST_S)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    result = target(data)
            except BadInput as error:
                refused += 1
                if any(line[:2] != "  " for line in str(error).splitlines()[1:]):
                    bad.append(f"{name}: more than one line for {data[:60]!r}")
            except (Exception, Hang) as error:  # what must not happen
                bad.append(f"{name}: {type(error).__name__} {error} for {data[:60]!r}")
            finally:
                signal.alarm(0)
            if weigh:
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                if peak > TIMES * (len(data) + _decoded_bytes(result)) + CONSTANT:
                    bad.append(f"{name}: {peak} bytes for {len(data)} of input")
            if len(bad) > 20:
                break
    finally:
        signal.signal(signal.SIGALRM, before)
    done = i + 1
    outcome = f"{OUTCOME}; {100 * refused / done:.0f} % refused"
    return Fault(f"{name} damaged at random", done, outcome, bad)


def _decoded_bytes(result: object) -> int:
    """Of the images in it, which may be small as files: photo_files has the limit."""
    if isinstance(result, Dataset):
        pixels = [
            sizes(part.images).prod(axis=1) for part in (result.train, result.test)
        ]
        return int(3 * np.concatenate(pixels).sum())
    return result.nbytes if isinstance(result, np.ndarray) else 0


def mutated(seeds: list[bytes], dice: random.Random) -> bytes:
    """One of the seeds after one to four small damages."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(data) + 1)
        length = dice.randint(1, 8)
        kind = dice.randrange(6)
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
        else:
            other = dice.choice(seeds)
            data[place:] = other[dice.randrange(len(other) + 1) :]
    return bytes(data)


def _idx(path: Path) -> tuple[Target, list[bytes]]:
    content = (
        bytes([0, 0, 8, 3]) + np.array([3, 4, 4], ">u4").tobytes() + bytes(range(48))
    )
    expected = IdxFile("file.gz", (3, 4, 4), hashlib.sha256(content).hexdigest())
    packed = gzip.compress(content, 1)

    def target(data: bytes) -> object:
        # half of the damage is inside a sound gzip stream
        whole = data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1)
        path.write_bytes(whole)
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
        path.write_bytes(text if is_array else data)
        path.with_suffix(".npy").write_bytes(data if is_array else packed)
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
        # half of the damage is sealed again by a right checksum
        path.write_bytes(sealed(data) if len(data) % 2 else data)
        return open_model(path)

    return target, seeds


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
    module = find_method("bovw_pyramid").load()
    seeds = ["n_words=200", "levels=(1,2,4)", "bins_px=2.0", "deskewed=False", LETTERS]

    def target(data: bytes) -> object:
        return configure(module, "full", [data.decode("utf-8", "surrogateescape")])

    return target, [seed.encode() for seed in seeds]


def _guided(n: int) -> Iterator[Fault]:
    """The same targets under atheris, which looks for inputs that take new paths."""
    if importlib.util.find_spec("atheris") is None:
        yield Fault("coverage-guided fuzzing", 0, "not run: atheris is not installed")
        return
    for name, share in SHARE.items():
        runs = int(n * share)
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tests.soak.guided", name, folder]
            done = subprocess.run(
                [
                    *command,
                    f"-runs={runs}",
                    f"-timeout={LONGEST_S}",
                    f"-artifact_prefix={folder}/",
                ],
                capture_output=True,
                text=True,
                errors="replace",
                cwd=ROOT,
                check=False,
            )
        tail = done.stderr[-300:]
        bad = [f"{name}: {' '.join(tail.split())}"] if done.returncode else []
        yield Fault(f"{name}, coverage-guided", runs, GUIDED_OUTCOME, bad)


def _bombs() -> Fault:
    """Small files that unpack to gigabytes stop at their limit, soon."""
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bomb.gz"
        with gzip.open(path, "wb", 1) as file:
            for _ in range(200):
                file.write(bytes(10_000_000))
        picture = io.BytesIO()
        Image.new("L", (20_000, 20_000)).save(picture, "PNG")
        bombs: dict[str, Callable[[], object]] = {
            "gzip of 2 GB": lambda: read_idx(path, IdxFile("x", (3, 4, 4), "")),
            "PNG of 20,000 x 20,000": lambda: read_image(
                io.BytesIO(picture.getvalue())
            ),
        }
        for name, opened in bombs.items():
            tracemalloc.start()
            started = time.perf_counter()
            with contextlib.suppress(BadInput):
                opened()
                bad.append(f"{name}: opened")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            if time.perf_counter() - started > LONGEST_S or peak > CONSTANT:
                bad.append(f"{name}: {peak} bytes")
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(exist_ok=True)
    return Fault("decompression bombs", len(bombs), "refused by their header", bad)
