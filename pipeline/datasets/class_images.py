"""Read a folder of photographs: which picture each file shows, and what was found.

Every file is decoded once before anything else happens, unless it is known.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays
from visbase.pipeline.datasets.class_folders import (
    Layout,
    find_layout,
    require_images,
)
from visbase.pipeline.datasets.findings import DROPPED, Copies, Findings
from visbase.pipeline.datasets.near_duplicates import groups_of, near_duplicates
from visbase.pipeline.datasets.photo_check import check_photos
from visbase.pipeline.datasets.splits import Split, typical_size
from visbase.pipeline.errors import printable
from visbase.pipeline.images.fingerprint import fingerprint
from visbase.pipeline.images.photo_files import PhotoFiles
from visbase.pipeline.progress import working
from visbase.pipeline.storage.cache import recall


def examine(root: Path, *, nested: bool = False) -> Findings:
    """Report what is in a folder of photographs, without splitting it.

    Files that cannot be read and classes that are too small are part of the report.
    Raises BadInput if its layout is none of those in `class_folders`.
    """
    layout = find_layout(root, nested)
    if len(layout.classes) < 2:
        require_images(dict.fromkeys(layout.classes, 0), root, 0)
    photos = read_images(layout)
    return findings_of(photos, photos.parts)


@dataclass(frozen=True)
class ClassImages:
    """The n readable images of a folder with a class, sorted by class, then by part.

    labels, parts and groups (n,): class, part and number of the picture; reasons: why
    other files cannot be read.
    """

    layout: Layout
    files: PhotoFiles
    labels: NDArray[np.int64]
    parts: NDArray[np.str_]
    groups: NDArray[np.int64]
    blank: NDArray[np.bool_]
    grey: NDArray[np.bool_]
    unlabelled: PhotoFiles
    reasons: dict[Path, str]

    def name(self, path: Path) -> str:
        return printable(path.relative_to(self.layout.root))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(map(printable, self.layout.classes))

    @property
    def dataset_name(self) -> str:
        """Return a name for records, which no folder of other contents has."""
        named = [self.name(path) for path in self.files.paths]
        digest = fingerprint({"names": named, "pixels": self.files.digests})
        return f"{safe_name(self.layout.root)}-{digest[:8]}"

    def split(self, rows: NDArray[np.int64]) -> Split:
        names = [self.name(self.files.paths[row]) for row in rows]
        return Split(self.files.take(rows), self.labels[rows], names)


def safe_name(root: Path) -> str:
    """Return `folder-` and the last part of the path, safe as the name of one folder.

    Anything but letters, digits, dots, dashes and underscores becomes an underscore, so
    that no name leads to another folder; 60 characters fit every file system.
    """
    return "folder-" + re.sub(r"[^\w.-]", "_", root.resolve().name or "root")[:60]


def list_files(
    layout: Layout,
) -> tuple[list[Path], NDArray[np.int64], NDArray[np.str_]]:
    """Paths, labels and parts of all files with a class, sorted by class."""
    rows = [
        (path, label, part)
        for label, name in enumerate(layout.classes)
        for part, by_class in layout.parts.items()
        for path in by_class.get(name, [])
    ]
    paths, labels, parts = zip(*rows, strict=True) if rows else ((), (), ())
    return list(paths), np.array(labels, np.int64), np.array(parts, np.str_)


def read_images(layout: Layout) -> ClassImages:
    """Decode every file once, unless it is known, and find copies of pictures."""
    paths, labels, parts = list_files(layout)
    checked = check_photos([*paths, *layout.unlabelled])
    rows = [row for row, path in enumerate(paths) if path not in checked.reasons]
    n = len(rows)
    files = checked.photos.take(range(n))
    return ClassImages(
        layout,
        files,
        labels[rows],
        parts[rows],
        _groups(files, checked.looks[:n]),
        checked.blank[:n],
        checked.grey[:n],
        checked.photos.take(range(n, len(checked.photos))),
        checked.reasons,
    )


def _groups(files: PhotoFiles, looks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the pictures that n files show: equal pixels, or near-duplicates (n,)."""

    def find() -> Arrays:
        with working("near-duplicates"):
            return {"pairs": near_duplicates(looks)}

    found = recall("duplicates", {"looks": looks}, find, (near_duplicates,))
    # blank images have no near-duplicates, but may be equal
    first: dict[str, int] = {}
    equal = [(first.setdefault(digest, i), i) for i, digest in enumerate(files.digests)]
    pairs = np.array(equal, np.int64).reshape(-1, 2)
    return groups_of(len(files), np.concatenate([found["pairs"], pairs]))


def findings_of(photos: ClassImages, parts: NDArray[np.str_]) -> Findings:
    """Describe the images; parts (n,) of a split, or DROPPED."""
    layout, classes = photos.layout, photos.classes
    names = [photos.name(path) for path in photos.files.paths]
    counts: dict[str, dict[str, int]] = {}
    for part in dict.fromkeys([*layout.parts, *("train", "test")]):
        n = np.bincount(photos.labels[parts == part], minlength=len(classes))
        if n.any() or (part in layout.parts and (layout.has_split or not names)):
            counts[part] = dict(zip(classes, n.tolist(), strict=True))
    by_area = np.argsort(photos.files.sizes.prod(axis=1), kind="stable")
    in_order = photos.files.sizes[by_area, ::-1].tolist() or [[0, 0]]
    typical = typical_size(photos.files) if names else (0, 0)
    _, group_sizes = np.unique(photos.groups, return_counts=True)
    groups = [
        np.flatnonzero(photos.groups == g) for g in np.flatnonzero(group_sizes > 1)
    ]
    folded: dict[str, list[str]] = {}
    for name in classes:
        folded.setdefault(unicodedata.normalize("NFC", name).casefold(), []).append(
            name
        )
    return Findings(
        path=printable(layout.root),
        images=counts,
        folders={part: photos.name(path) for part, path in layout.folders.items()},
        n_unlabelled=len(photos.unlabelled),
        smallest=tuple(in_order[0]),
        median=typical[::-1],
        largest=tuple(in_order[-1]),
        n_colour=int((~photos.grey[parts != DROPPED]).sum()),
        left_aside=tuple(map(photos.name, layout.left_aside)),
        unreadable={photos.name(p): reason for p, reason in photos.reasons.items()},
        copies=tuple(
            Copies(
                tuple(names[row] for row in rows),
                tuple(classes[label] for label in photos.labels[rows]),
                tuple(parts[rows].tolist()),
            )
            for rows in groups
        ),
        blank=tuple(names[row] for row in np.flatnonzero(photos.blank)),
        similar_classes=tuple(tuple(same) for same in folded.values() if len(same) > 1),
    )
