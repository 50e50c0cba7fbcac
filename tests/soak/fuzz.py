"""A million damaged inputs: each gives a result or BadInput, soon, in little memory."""

from __future__ import annotations

import contextlib
import ctypes
import gzip
import importlib.util
import io
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
from PIL import Image

from tests.soak.fault import Fault
from tests.soak.readers import Target, mutated, targets
from visbase.pipeline.datasets.idx import IdxFile, read_idx
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import sizes
from visbase.pipeline.images.photo_files import MAX_PIXELS, read_image
from visbase.pipeline.storage import ROOT

LONGEST_S = 5  # for one input
WEIGHED = 10  # every so many inputs the memory is measured
TIMES, CONSTANT = 10, 30_000_000  # bytes: times the input and its image, and beside
# resident, with the libraries, of which model files need 400; 100 megapixels decode
# to 300, some files by way of several copies
GUIDED_LIMIT_MIB = {"images": 3000, "folders of images": 3000}
OTHER_LIMIT_MIB = 1000
SHARE = {  # of all inputs
    "IDX files": 0.25,
    "records": 0.20,
    "model files": 0.05,
    "images": 0.07,
    "folders of images": 0.03,
    "--set": 0.25,
    "tables of measurements": 0.15,
}
INPUTS, SHORT_INPUTS = 1_050_000, 10_000
GUIDED, SHORT_GUIDED = 600_000, 12_000  # inputs of the coverage-guided fuzzer
OUTCOME = (
    "a result or one error line; no traceback, no hang, and at most "
    f"{CONSTANT // 10**6} MB plus {TIMES} times the size of the input and its decoded "
    f"image (memory of the process, measured for every {WEIGHED}th input)"
)
GUIDED_OUTCOME = (
    "a result or one error line; no traceback, no hang, at most {:,} MiB of memory "
    "including the libraries"
)


class Hang(BaseException):
    """No Exception, since what reads files takes a TimeoutError for a broken one."""


def faults(short: bool) -> Iterator[Fault]:
    n = SHORT_INPUTS if short else INPUTS
    with tempfile.TemporaryDirectory() as folder:
        for name, (target, seeds) in targets(Path(folder)).items():
            yield _fuzz(name, target, seeds, int(n * SHARE[name]))
    yield from _guided(SHORT_GUIDED if short else GUIDED)
    yield _bombs()


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
                before_peak = _forget_peak()
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
                peak = _resident("VmHWM") - before_peak
                allowed = TIMES * (len(data) + _decoded_bytes(data, result)) + CONSTANT
                if peak > allowed:
                    bad.append(f"{name}: {peak} bytes for {data[:60]!r}, {len(data)}")
            if len(bad) > 20:
                break
    finally:
        signal.signal(signal.SIGALRM, before)
    done = i + 1
    outcome = f"{OUTCOME}; {100 * refused / done:.0f} % refused"
    return Fault(f"{name} corrupted at random", done, outcome, bad)


def _forget_peak() -> int:
    """Begin to measure this process's peak memory anew; what it has now, in bytes.

    What was freed goes back to the system first: taken again, it would not be counted.
    """
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _resident("VmRSS")


def _resident(which: str) -> int:
    """Bytes of resident memory: VmRSS now, VmHWM the most so far (Linux)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(f"{which}:")[2].split()[0])


def _decoded_bytes(data: bytes, result: object) -> int:
    """Of the images in it, which may be small as files: photo_files has the limit.

    One that is refused counts with the size that its header claims, where it may.
    """
    if result is None:
        with contextlib.suppress(Exception), Image.open(io.BytesIO(data)) as image:
            pixels = image.width * image.height
            return 3 * pixels if pixels <= MAX_PIXELS else 0
    if isinstance(result, Dataset):
        pixels = [
            sizes(part.images).prod(axis=1) for part in (result.train, result.test)
        ]
        return int(3 * np.concatenate(pixels).sum())
    return result.nbytes if isinstance(result, np.ndarray) else 0


def _guided(n: int) -> Iterator[Fault]:
    """The same targets under atheris, which looks for inputs that take new paths."""
    if importlib.util.find_spec("atheris") is None:
        yield Fault("coverage-guided fuzzing", 0, "not run: atheris is not installed")
        return
    for name, share in SHARE.items():
        runs = int(n * share)
        limit = GUIDED_LIMIT_MIB.get(name, OTHER_LIMIT_MIB)
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tests.soak.guided", name, folder]
            done = subprocess.run(
                [
                    # what the shell starts has no share in the peak of this process
                    *("sh", "-c", '"$@"; exit $?', "sh"),
                    *command,
                    f"-runs={runs}",
                    f"-timeout={LONGEST_S}",
                    f"-rss_limit_mb={limit}",
                    f"-artifact_prefix={folder}/",
                ],
                capture_output=True,
                text=True,
                errors="replace",
                cwd=ROOT,
                check=False,
            )
        tried = re.search(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
        n_tried = int(tried[1]) if tried else 0
        bad = []
        if done.returncode or n_tried < runs:
            tail = " ".join(done.stderr[-300:].split())
            bad.append(f"{name}: {n_tried} of {runs}, {tail}")
        outcome = GUIDED_OUTCOME.format(limit)
        yield Fault(f"{name}, coverage-guided", n_tried, outcome, bad)


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
            before = _forget_peak()
            started = time.perf_counter()
            with contextlib.suppress(BadInput):
                opened()
                bad.append(f"{name}: opened")
            peak = _resident("VmHWM") - before
            if time.perf_counter() - started > LONGEST_S or peak > CONSTANT:
                bad.append(f"{name}: {peak} bytes")
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(exist_ok=True)
    return Fault("decompression bombs", len(bombs), "refused within 5 s and 30 MB", bad)
