"""Recall, false pairs and time of the search for near-duplicates among photographs.

    python -m benchmarks.near_duplicates FOLDER FOLDER/validation FOLDER/test

Adds 50 copies of each kind of random photographs of the second and further folders to
those of the first, and fills up to 5,000 with enlarged middles, which are no copies.
Prints recall by kind, the seconds of a first and a second check and of the search, and
all pairs besides the copies, which --sheet shows as one picture to be looked at.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageOps

from visbase.pipeline.datasets.near_duplicates import near_duplicates
from visbase.pipeline.datasets.photo_check import Checked, check_photos

COPIES = 50  # of each kind
TOTAL = 5_000  # photographs that are compared
SHOWN = (120, 160)  # pixels of a photograph on the sheet


def _cropped(image: Image.Image) -> Image.Image:
    x, y = round(0.03 * image.width), round(0.03 * image.height)
    return image.crop((x, y, image.width - x, image.height - y))


def _middle(image: Image.Image) -> Image.Image:
    x, y = image.width // 4, image.height // 4
    return image.crop((x, y, image.width - x, image.height - y)).resize(image.size)


Change = Callable[[Image.Image], Image.Image]
KINDS: dict[str, tuple[Change, int]] = {  # and the quality of the JPEG file
    "re-encoded at quality 40": (lambda image: image, 40),
    "resized to half": (lambda image: ImageOps.scale(image, 0.5), 85),
    "mirrored": (ImageOps.mirror, 90),
    "cropped by 3 % of each side": (_cropped, 90),
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument(
    "originals",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option("--sheet", type=click.Path(path_type=Path), help="PNG of other pairs.")
def main(folder: Path, originals: Sequence[Path], sheet: Path | None) -> None:
    """Search a folder of photographs and generated copies for near-duplicates."""
    paths = _files(folder)
    sources = [path for part in originals for path in _files(part)]
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as place:
        os.environ["VISBASE_ARTIFACTS"] = f"{place}/artifacts"
        kind_of: dict[Path, str] = {}
        source_of = {path: path for path in paths}
        for kind in KINDS:
            for row in rng.choice(len(sources), COPIES, replace=False):
                copy = Path(place) / f"{len(kind_of)}.jpg"
                _write(copy, sources[row], *KINDS[kind])
                kind_of[copy], source_of[copy] = kind, sources[row]
        for i in range(max(TOTAL - len(source_of), 0)):
            filling = Path(place) / f"filling {i}.jpg"
            _write(filling, paths[i % len(paths)], _middle, 90)
            source_of[filling] = filling
        checked, first_s = _timed(list(source_of))
        started = time.perf_counter()
        pairs = near_duplicates(checked.looks)
        search_s = time.perf_counter() - started
        second_s = _timed(list(source_of))[1]
        print(
            f"{len(checked.photos):,} photographs: {first_s:.1f} s to check, "
            f"{search_s:.1f} s to search, {second_s:.2f} s to check again"
        )
        both = [(checked.photos.paths[i], checked.photos.paths[j]) for i, j in pairs]
        same = {pair for pair in both if source_of[pair[0]] == source_of[pair[1]]}
        for kind in KINDS:
            copies = [copy for copy, its_kind in kind_of.items() if its_kind == kind]
            n_found = sum((source_of[copy], copy) in same for copy in copies)
            print(f"{kind}: {n_found} of {len(copies)} found")
        others = [pair for pair in both if pair not in same]
        print(f"{len(others)} other pairs:")
        for pair in others:
            print("  ", *pair)
        if sheet is not None and others:
            _sheet(others).save(sheet)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write(copy: Path, source: Path, change: Change, quality: int) -> None:
    with Image.open(source) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        change(upright).save(copy, quality=quality)


def _timed(paths: Sequence[Path]) -> tuple[Checked, float]:
    started = time.perf_counter()
    return check_photos(paths), time.perf_counter() - started


def _sheet(pairs: Sequence[tuple[Path, Path]]) -> Image.Image:
    width, height = SHOWN
    sheet = Image.new("RGB", (2 * width, height * len(pairs)))
    for row, pair in enumerate(pairs):
        for column, path in enumerate(pair):
            with Image.open(path) as image:
                sheet.paste(image.resize(SHOWN), (column * width, row * height))
    return sheet


if __name__ == "__main__":
    main()
