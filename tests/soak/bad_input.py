"""Unusual folders and arrays give a result or one error line."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from tests.soak.fault import Fault, new_folder, refusal_problems, run
from visbase.estimators import BagOfVisualWords
from visbase.pipeline.datasets import load_dataset

ERROR_LINE, SUCCEEDS = "one error line", "succeeds"


def faults(short: bool) -> Iterator[Fault]:
    for name, (outcome, write) in list(FOLDERS.items())[:: 4 if short else 1]:
        with new_folder() as folder:
            root, home = folder / "photos", folder / "home"
            root.mkdir()
            write(root)
            done = run(_arguments(root), home)
        problems = []
        if outcome == ERROR_LINE:
            problems = refusal_problems(name, done, (1, 2))
        elif done.returncode:
            problems = [f"status {done.returncode}: {done.stderr[-300:]}"]
        yield Fault(name, 1, outcome, problems)
    yield _changing_images()
    yield _nan()
    yield _strings()


def _arguments(root: Path) -> list[str]:
    more = [] if (root / "train").is_dir() else ["--train-per-class", "2"]
    settings = ("--preset", "quick", "--set", "n_words=20")
    return ["run", "bovw_grid", *settings, "--dataset", f"folder:{root}", *more]


def _changing_images() -> Fault:
    """Replace every image by another while the run reads them."""
    with new_folder() as folder:
        root, home = folder / "photos", folder / "home"
        _write(root, "ab", 300, side=200)
        stop, other = threading.Event(), folder / "other.png"

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
        done = run(_arguments(root), home)
        stop.set()
        thread.join()
    name = "images that change while they are read"
    problems = refusal_problems(name, done)
    if "changed since" not in done.stderr:
        problems.append(f"another reason: {done.stderr[-300:]}")
    return Fault(name, 1, ERROR_LINE, problems)


def _nan() -> Fault:
    problems = []
    for dtype in (np.float32, np.float64, np.float16):
        message = "fitted"
        try:
            BagOfVisualWords(n_words=8).fit(np.full((6, 28, 28), np.nan, dtype))
        except ValueError as error:
            message = str(error)
        if "expected uint8 images" not in message:
            problems.append(f"{dtype.__name__}: {message}")
    outcome = "a ValueError states what is expected"
    return Fault("NaN in floating-point images, from Python", 3, outcome, problems)


def _strings() -> Fault:
    """Labels that are strings get the same predictions as labels that are numbers."""
    mnist = load_dataset("mnist")
    images, numbers = np.asarray(mnist.train.images[:400]), mnist.train.labels[:400]
    strings = np.array([f"class {i}" for i in range(10)])  # in the order of the numbers
    predictions = []
    for labels in (numbers, strings[numbers]):
        bag = BagOfVisualWords(n_words=30, step_px=3, margin_px=2, random_state=0)
        model = make_pipeline(bag, LinearSVC(random_state=0)).fit(images, labels)
        predictions.append(model.predict(np.asarray(mnist.test.images[:300])))
    same = np.array_equal(strings[predictions[0]], predictions[1])
    problems, outcome = [] if same else ["others"], "the same predictions, as strings"
    return Fault("labels as strings, from Python", 1, outcome, problems)


def _write(
    root: Path, names: Iterable[str] = "ab", n: int = 5, side: int = 28, top: int = 255
) -> None:
    """Write n images of noise, with values up to `top`, for each class."""
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).mkdir(parents=True)
        for i in range(n):
            noise = rng.integers(0, top + 1, (side, side), np.uint8)
            Image.fromarray(noise).save(root / name / f"{i}.png")


def _write_train_and_test(root: Path) -> None:
    _write(root / "train", n=1)
    _write(root / "test", n=1)


def _write_huge(root: Path) -> None:
    _write(root)
    Image.new("L", (20_000, 20_000)).save(root / "b" / "huge.png")


def _write_odd_names(root: Path) -> None:
    names = ["with space", "new\nline", os.fsdecode(b"\xff\xfe"), "日本語 é"]
    _write(root, names)
    for folder in list(root.iterdir()):
        for path, name in zip(sorted(folder.iterdir()), names, strict=False):
            path.rename(folder / f"{name}.png")


def _write_loops(root: Path) -> None:
    _write(root)
    (root / "a" / "loop").symlink_to(root)
    (root / "b" / "self.png").symlink_to(root / "b" / "self.png")


def _write_text(root: Path) -> None:
    _write(root)
    shutil.copy(__file__, root / "a" / "code.png")


FOLDERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty folder": (ERROR_LINE, lambda _root: None),
    "one class": (ERROR_LINE, lambda root: _write(root, "a")),
    "one image": (ERROR_LINE, lambda root: _write(root, "a", 1)),
    "one training image per class": (SUCCEEDS, _write_train_and_test),
    "images of 1 x 1 pixel": (ERROR_LINE, lambda root: _write(root, side=1)),
    "an image of 20,000 x 20,000 pixels": (ERROR_LINE, _write_huge),
    "all images black": (SUCCEEDS, lambda root: _write(root, top=0)),
    "300 classes": (SUCCEEDS, lambda root: _write(root, map(str, range(300)), 3)),
    "names with spaces, newlines, invalid UTF-8": (SUCCEEDS, _write_odd_names),
    "symbolic links in a circle": (ERROR_LINE, _write_loops),
    "a text file called .png": (ERROR_LINE, _write_text),
}
