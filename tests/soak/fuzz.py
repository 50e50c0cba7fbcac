"""A million corrupted inputs: each gives a result or BadInput, in little memory."""

import contextlib
import ctypes
import gzip
import importlib.util
import io
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
from PIL import Image

from tests.soak.fault import Fault, new_folder
from tests.soak.readers import READERS, Target, mutated
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
LIMIT_MIB, IMAGE_LIMIT_MIB = 1000, 3000
INPUTS, SHORT_INPUTS = 1_050_000, 4_000
GUIDED, SHORT_GUIDED = 600_000, 4_000  # inputs of the coverage-guided fuzzer
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
    """No Exception, since readers take a TimeoutError for a broken file."""


def faults(short: bool) -> Iterator[Fault]:
    n = SHORT_INPUTS if short else INPUTS
    for name, (share, reader) in READERS.items():
        with new_folder() as folder:
            yield _fuzz(name, *reader(folder), int(n * share))
    yield from _guided(SHORT_GUIDED if short else GUIDED)
    yield _bombs()


def _fuzz(name: str, target: Target, seeds: list[bytes], n: int) -> Fault:
    dice, n_refused, n_tried = random.Random(0), 0, 0
    problems: list[str] = []
    while n_tried < n and len(problems) <= 20:
        data, result, problem = mutated(seeds, dice), None, ""
        measured = n_tried % WEIGHED == 0
        before = _reset_peak() if measured else 0
        try:
            result = _limited(target, data)
        except BadInput as error:
            n_refused += 1
            if any(line[:2] != "  " for line in str(error).splitlines()[1:]):
                problem = "more than one line"
        except (Exception, Hang) as error:  # neither may happen
            problem = f"{type(error).__name__} {error}"
        if measured:
            peak = _resident("VmHWM") - before
            allowed = TIMES * (len(data) + _decoded_bytes(data, result)) + CONSTANT
            if peak > allowed and not problem:
                problem = f"{peak} bytes"
        if problem:
            problems.append(f"{name}: {problem} for {data[:60]!r}, {len(data)} bytes")
        n_tried += 1
    outcome = f"{OUTCOME}; {100 * n_refused / n_tried:.0f} % refused"
    return Fault(f"{name} corrupted at random", n_tried, outcome, problems)


def _limited(target: Target, data: bytes) -> object:
    """Read an input, without warnings; raise Hang after some seconds."""

    def hang(_signal: int, _frame: FrameType | None) -> None:
        raise Hang(f"took more than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(LONGEST_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return target(data)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _reset_peak() -> int:
    """Reset this process's peak memory and return the present one, in bytes.

    Freed memory goes back to the system first, or taking it again would not count.
    """
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _resident("VmRSS")


def _resident(which: str) -> int:
    """Return bytes of resident memory: VmRSS now, VmHWM the peak (Linux)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(f"{which}:")[2].split()[0])


def _decoded_bytes(data: bytes, result: object) -> int:
    """Return the bytes of the decoded images, which may be small as files.

    A refused image counts with the size in its header, up to the limit of photo_files.
    """
    if result is None:
        with contextlib.suppress(Exception), Image.open(io.BytesIO(data)) as image:
            pixels = image.width * image.height
            return 3 * pixels if pixels <= MAX_PIXELS else 0
    if isinstance(result, Dataset):
        parts = (result.train, result.test)
        return int(3 * sum(sizes(part.images).prod(axis=1).sum() for part in parts))
    return result.nbytes if isinstance(result, np.ndarray) else 0


def _guided(n: int) -> Iterator[Fault]:
    """Run the targets under atheris, which looks for inputs that take new paths."""
    if importlib.util.find_spec("atheris") is None:
        yield Fault("coverage-guided fuzzing", 0, "not run: atheris is not installed")
        return
    for name, (share, _) in READERS.items():
        n_inputs = int(n * share)
        limit = IMAGE_LIMIT_MIB if "images" in name else LIMIT_MIB
        with new_folder() as folder:
            command = [
                # what the shell starts does not inherit the peak memory of this process
                *("sh", "-c", '"$@"; exit $?', "sh"),
                *(sys.executable, "-m", "tests.soak.guided", name, str(folder)),
                *(f"-runs={n_inputs}", f"-timeout={LONGEST_S}"),
                *(f"-rss_limit_mb={limit}", f"-artifact_prefix={folder}/"),
            ]
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", cwd=ROOT
            )
        tried = re.search(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
        n_tried = int(tried[1]) if tried else 0
        problems = []
        if done.returncode or n_tried < n_inputs:
            tail = " ".join(done.stderr[-300:].split())
            problems.append(f"{name}: {n_tried} of {n_inputs}, {tail}")
        outcome = GUIDED_OUTCOME.format(limit)
        yield Fault(f"{name}, coverage-guided", n_tried, outcome, problems)


def _bombs() -> Fault:
    """Open small files that unpack to gigabytes."""
    problems = []
    with new_folder() as folder:
        path, picture = folder / "bomb.gz", io.BytesIO()
        path.write_bytes(200 * gzip.compress(bytes(10_000_000), 1))
        Image.new("L", (20_000, 20_000)).save(picture, "PNG")
        bombs: dict[str, Callable[[], object]] = {
            "gzip of 2 GB": lambda: read_idx(path, IdxFile("x", (3, 4, 4), "")),
            "PNG of 20,000 x 20,000": lambda: read_image(picture),
        }
        for name, read in bombs.items():
            picture.seek(0)
            before, started = _reset_peak(), time.perf_counter()
            with contextlib.suppress(BadInput):
                read()
                problems.append(f"{name}: opened")
            peak = _resident("VmHWM") - before
            if time.perf_counter() - started > LONGEST_S or peak > CONSTANT:
                problems.append(f"{name}: {peak} bytes, or too long")
    outcome = "refused within 5 s and 30 MB"
    return Fault("decompression bombs", len(bombs), outcome, problems)
