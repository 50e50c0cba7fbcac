"""Unusual folders and arrays give a result or one error line."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from tests.soak.fault import Fault, places, told_in_one_line, visbase
from visbase.estimators import BagOfVisualWords
from visbase.pipeline.datasets import load_dataset

SIDE = 28
SETTINGS = ("--preset", "quick", "--set", "n_words=20")
TOLD, WELL = "one error line", "succeeds"


def faults(short: bool) -> Iterator[Fault]:
    for name, (build, expected) in list(FOLDERS.items())[:: 4 if short else 1]:
        with tempfile.TemporaryDirectory() as folder:
            root, home = Path(folder) / "photos", Path(folder) / "home"
            root.mkdir()
            build(root)
            done = visbase(_command(root), places(home))
            outcome = _outcome(done.returncode, told_in_one_line(done))
            bad = [] if outcome == expected else [f"{outcome}: {done.stderr[-300:]}"]
            yield Fault(name, 1, outcome, bad)
    yield _changing()
    yield _not_a_number()
    yield _strings()


def _command(root: Path) -> list[str]:
    more = [] if (root / "train").is_dir() else ["--train-per-class", "2"]
    return ["run", "bovw_grid", *SETTINGS, "--dataset", f"folder:{root}", *more]


def _outcome(status: int, in_one_line: bool) -> str:
    if status == 0:
        return WELL
    return TOLD if status in (1, 2) and in_one_line else f"exit status {status}"


def _changing() -> Fault:
    """Every image is written anew, with other pixels, while the run reads them."""
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder) / "photos", Path(folder) / "home"
        _classes(root, dict.fromkeys("ab", 300), side=200)
        stop, other = threading.Event(), Path(folder) / "other.png"

        def change() -> None:
            rng = np.random.default_rng(1)
            while not stop.is_set():
                for path in root.rglob("*.png"):
                    noise = rng.integers(0, 256, (200, 200), np.uint8)
                    Image.fromarray(noise).save(other)
                    os.replace(other, path)
                    time.sleep(0.005)

        thread = threading.Thread(target=change)
        thread.start()
        done = visbase(_command(root), places(home))
        stop.set()
        thread.join()
    told = done.returncode == 2 and told_in_one_line(done)
    bad = [] if told and "changed since" in done.stderr else [done.stderr[-300:]]
    return Fault("images that change while they are read", 1, TOLD, bad)


def _not_a_number() -> Fault:
    """Images as floating-point numbers, some of which are none."""
    images = np.random.default_rng(0).random((6, SIDE, SIDE))
    bad = []
    for kind in (np.float32, np.float64, np.float16):
        broken = images.astype(kind)
        broken[2, 3, 4] = np.nan
        try:
            BagOfVisualWords(n_words=8).fit(broken)
            bad.append(f"{kind.__name__}: fitted")
        except ValueError as error:
            if "expected uint8 images" not in str(error):
                bad.append(f"{kind.__name__}: {error}")
    name = "NaN in floating-point images, from Python"
    return Fault(name, 3, "a ValueError states what is expected", bad)


def _strings() -> Fault:
    """Labels that are words are answered with words, the same as with numbers."""
    mnist = load_dataset("mnist")
    images, numbers = np.asarray(mnist.train.images[:400]), mnist.train.labels[:400]
    words = np.array([f"class {i}" for i in range(10)])  # in the order of the numbers
    answers = []
    for labels in (numbers, words[numbers]):
        bag = BagOfVisualWords(n_words=30, step_px=3, margin_px=2, random_state=0)
        model = make_pipeline(bag, LinearSVC(random_state=0)).fit(images, labels)
        answers.append(model.predict(np.asarray(mnist.test.images[:300])))
    same = np.array_equal(words[answers[0]], answers[1])
    outcome = "the same predictions, as strings"
    bad = [] if same else ["other answers"]
    return Fault("labels as strings, from Python", 1, outcome, bad)


def _picture(seed: int, side: int = SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)


def _classes(root: Path, counts: dict[str, int], side: int = SIDE) -> None:
    """So many images of noise in the folder of each class."""
    seed = 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(_picture(seed, side)).save(root / name / f"{i}.png")
            seed += 1


def _empty(root: Path) -> None:
    """Nothing in it."""


def _one_class(root: Path) -> None:
    _classes(root, {"a": 5})


def _one_image(root: Path) -> None:
    _classes(root, {"a": 1})


def _one_image_a_class(root: Path) -> None:
    _classes(root / "train", {"a": 1, "b": 1})
    _classes(root / "test", {"a": 1, "b": 1})


def _one_pixel(root: Path) -> None:
    _classes(root, {"a": 5, "b": 5}, side=1)


def _huge(root: Path) -> None:
    _classes(root, {"a": 5, "b": 5})
    Image.new("L", (20_000, 20_000)).save(root / "b" / "huge.png")


def _black(root: Path) -> None:
    for name in "ab":
        (root / name).mkdir()
        for i in range(5):
            Image.new("L", (SIDE, SIDE)).save(root / name / f"{i}.png")


def _many_classes(root: Path) -> None:
    _classes(root, {f"class {i}": 3 for i in range(300)})


def _names(root: Path) -> None:
    """Spaces, a newline, bytes that are no UTF-8, other scripts."""
    odd = ["with space", "new\nline", os.fsdecode(b"\xff\xfe"), "日本語 é"]
    _classes(root, dict.fromkeys(odd, 5))
    for folder in list(root.iterdir()):
        for path, name in zip(sorted(folder.iterdir()), odd, strict=False):
            path.rename(folder / f"{name}.png")


def _loops(root: Path) -> None:
    _classes(root, {"a": 5, "b": 5})
    (root / "a" / "loop").symlink_to(root)
    (root / "b" / "self.png").symlink_to(root / "b" / "self.png")


def _no_image(root: Path) -> None:
    _classes(root, {"a": 5, "b": 5})
    shutil.copy(__file__, root / "a" / "code.png")


FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty folder": (_empty, TOLD),
    "one class": (_one_class, TOLD),
    "one image": (_one_image, TOLD),
    "one training image per class": (_one_image_a_class, WELL),
    "images of 1 x 1 pixel": (_one_pixel, TOLD),
    "an image of 20,000 x 20,000 pixels": (_huge, TOLD),
    "all images black": (_black, WELL),
    "300 classes": (_many_classes, WELL),
    "names with spaces, newlines, invalid UTF-8": (_names, WELL),
    "symbolic links in a circle": (_loops, TOLD),
    "a text file called .png": (_no_image, TOLD),
}
