"""ImageNet's 1,000 classes: the images of ILSVRC 2012 (Russakovsky et al. 2015).

    DIR/train/<synset>/*.JPEG
    DIR/val/<synset>/*.JPEG   or all of them in DIR/val, and their classes in
                              ILSVRC2012_validation_ground_truth.txt and meta.mat, both
                              of the development kit, or in LOC_val_solution.csv

A synset is named as in n01440764. LOC_synset_mapping.txt or meta.mat have the names of
its things. Both may lie in DIR or in DIR/ILSVRC2012_devkit_t12/data, and the folders of
images in DIR/ILSVRC/Data/CLS-LOC. Label i is the i-th synset by name, as in the weights
of torchvision and timm. Nobody may pass the images on, so nothing is downloaded, and a
file is only decoded when it is needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.idx import find_folder
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.photo_files import UNREAD, PhotoFiles
from visbase.pipeline.storage import artifacts

SUMMARY = "photographs: 1,281,167 + 50,000 of 1,000 classes, ILSVRC 2012, by --data DIR"

KIT = Path("ILSVRC2012_devkit_t12", "data")
PACKED = Path("ILSVRC", "Data", "CLS-LOC")  # as Kaggle packs the images
TRUTH, SOLUTION = "ILSVRC2012_validation_ground_truth.txt", "LOC_val_solution.csv"
MAPPING, META = "LOC_synset_mapping.txt", "meta.mat"
IMAGE_NAMES = (".jpeg", ".jpg", ".png", ".bmp", ".webp", ".tif", ".tiff")
SYNSET = re.compile(r"n\d{8}")
N_VALIDATION = 50  # training images per class for choosing settings, at most a sixth


def load(folder: Path | None = None) -> Dataset:
    """Load the official split; its test images are the 50,000 for validation.

    Images for choosing settings are the last ones of each class for training. Raises
    BadInput if folders or the classes of the images are missing.
    """
    root = _find_root(folder)
    synsets, names = _read_synsets(root)
    train = _from_folders(root, _images(root, "train"), synsets)
    counts = np.bincount(train.labels, minlength=len(synsets))
    held_out = np.minimum(N_VALIDATION, counts // 6)
    # labels are sorted: the rank of an image counts from the end of its class
    rank = np.cumsum(counts)[train.labels] - np.arange(len(train))
    return Dataset(
        "imagenet",
        train,
        _validation(root, synsets),
        names,
        "photographs",
        channels=3,
        validation=np.flatnonzero(rank <= held_out[train.labels]),
    )


def load_validation(folder: Path | None) -> tuple[Split, tuple[str, ...]]:
    """Load the images for validation alone, and the names of all classes."""
    root = _find_root(folder)
    synsets, names = _read_synsets(root)
    return _validation(root, synsets), names


def _find_root(folder: Path | None) -> Path:
    home = artifacts() / "data" / "imagenet"
    root = find_folder("imagenet", home, folder, "train and val of ILSVRC 2012")
    if not root.is_dir():
        raise BadInput(
            f"{printable(root)}: no such folder; name the folder with train and val of "
            "ILSVRC 2012 with --data"
        )
    return root


def _images(root: Path, part: str) -> Path:
    """Find the folder of a part; BadInput if there is none."""
    places = [root / part, root / PACKED / part]
    for place in places:
        if place.is_dir():
            return place
    raise BadInput(
        f"{printable(root)}: expected a folder {part} in it, found none; name the "
        "folder with train and val of ILSVRC 2012 with --data"
    )


def _find(root: Path, name: str) -> Path | None:
    places = (root / name, root / KIT / name)
    return next((path for path in places if path.is_file()), None)


def _read_synsets(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """Synsets, sorted, and names of the classes, from the first file that is there.

    Without a file, the synsets are the folders of the images, and name themselves.
    """
    if mapping := _find(root, MAPPING):
        lines = [line.partition(" ") for line in _lines(mapping)]
        things = {synset: words.split(",")[0] for synset, _, words in lines}
        if wrong := [name for name in things if not SYNSET.fullmatch(name)]:
            raise BadInput(
                f"{printable(mapping)}: expected lines such as 'n01440764 tench', "
                f"found {printable(wrong[0][:40])!r}; fetch it again"
            )
    elif meta := _find(root, META):
        things = dict(_read_meta(meta).values())
    else:
        try:
            place = _images(root, "train")
        except BadInput:  # the images for validation may stand alone
            place = _images(root, "val")
        things = dict.fromkeys(_synset_folders(place), "")
        if not things:
            raise BadInput(
                f"{printable(place)}: no synset folders such as n01440764, and no "
                f"{MAPPING} or {META} in {printable(root)} to name the classes; add one"
            )
    synsets = sorted(things)
    return synsets, tuple(printable(f"{s} {things[s]}".strip()) for s in synsets)


def _read_meta(path: Path) -> dict[int, tuple[str, str]]:
    """Synset and name of each class by its number in the development kit."""
    import scipy.io

    try:
        table: Any = scipy.io.loadmat(path, squeeze_me=True)["synsets"]
        return {
            int(row["ILSVRC2012_ID"]): (
                str(row["WNID"]),
                str(row["words"]).split(",")[0],
            )
            for row in table
            if row["num_children"] == 0  # a class, not a group of classes
        }
    except Exception:  # scipy raises almost anything on damaged data
        raise BadInput(
            f"{printable(path)}: not the {META} of ILSVRC's development kit; unpack "
            "ILSVRC2012_devkit_t12.tar.gz again"
        ) from None


def _validation(root: Path, synsets: list[str]) -> Split:
    folder = _images(root, "val")
    if _synset_folders(folder):
        return _from_folders(root, folder, synsets)
    paths = _files(folder)
    if truth := _find(root, TRUTH):
        meta = _find(root, META)
        if meta is None:
            raise BadInput(
                f"{printable(truth)}: its numbers mean the classes of {META}, which is "
                "missing; put that file of the development kit beside it"
            )
        by_number = _read_meta(meta)
        numbers = [int(n) if n.isdecimal() else 0 for n in _lines(truth)]
        found = [by_number.get(number, ("", ""))[0] for number in numbers]
        if stray := [path for i, path in enumerate(paths, 1) if _number(path) != i]:
            raise BadInput(
                f"{printable(folder)}: expected ILSVRC2012_val_00000001.JPEG and so "
                f"on, one per line of {TRUTH}, found {printable(stray[0].name)} "
                "instead; unpack the images again"
            )
    elif truth := _find(root, SOLUTION):
        rows = dict(line.split(",", 1) for line in _lines(truth) if "," in line)
        found = [rows.get(path.stem, "").partition(" ")[0] for path in paths]
    else:
        raise BadInput(
            f"{printable(folder)}: the images have no classes; put {TRUTH} and {META} "
            f"of the development kit into {printable(root)}, or {SOLUTION}, or the "
            "images into folders of their synsets"
        )
    if len(found) != len(paths):
        raise BadInput(
            f"{printable(truth)}: {len(found):,} classes for {len(paths):,} images in "
            f"{printable(folder)}; expected one line per image"
        )
    known = {synset: label for label, synset in enumerate(synsets)}
    for path, synset in zip(paths, found, strict=True):
        if synset not in known:
            what = f"{printable(synset)}, which is not one" if synset else "none"
            raise BadInput(
                f"{printable(truth)}: expected one of {len(synsets):,} synsets for "
                f"{printable(path.name)}, found {what}; fetch it again"
            )
    labels = np.array([known[synset] for synset in found], np.int64)
    return _split(root, paths, labels)


def _from_folders(root: Path, folder: Path, synsets: list[str]) -> Split:
    found = _synset_folders(folder)
    if unknown := sorted(set(found) - set(synsets)):
        raise BadInput(
            f"{printable(folder / unknown[0])}: not one of the {len(synsets):,} "
            "synsets of the classes; remove it, or name its class as well"
        )
    paths: list[Path] = []
    counts = []
    for synset in synsets:
        files = _files(folder / synset) if synset in found else []
        paths += files
        counts.append(len(files))
    return _split(root, paths, np.repeat(np.arange(len(synsets)), counts))


def _split(root: Path, paths: Sequence[Path], labels: NDArray[np.int64]) -> Split:
    if not paths:
        raise BadInput(f"{printable(root)}: found no images; unpack them again")
    names = [printable(path.relative_to(root)) for path in paths]
    stats = [path.stat() for path in paths]
    digests = [
        f"{UNREAD} {name} {stat.st_size} {stat.st_mtime_ns}"
        for name, stat in zip(names, stats, strict=True)
    ]
    return Split(PhotoFiles(paths, None, digests), labels, names)


def _number(path: Path) -> int | None:
    """The number at the end of ILSVRC2012_val_00000001.JPEG, if there is one."""
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else None


def _synset_folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if SYNSET.fullmatch(e.name))


def _files(folder: Path) -> list[Path]:
    """The images of a folder, sorted by name."""
    with os.scandir(folder) as entries:
        names = sorted(
            e.name
            for e in entries
            if e.name.lower().endswith(IMAGE_NAMES) and not e.name.startswith(".")
        )
    return [folder / name for name in names]


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{printable(path)}: not a text file; fetch it again") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
