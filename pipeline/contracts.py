"""What the parts promise each other: images, descriptors, encoders, methods.

A new descriptor, encoder or method is a class with the names below; nothing inherits.
Letters everywhere: n images, N descriptors, k words, C classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput

T = TypeVar("T")
FloatArray = NDArray[np.float32]

# (n, h, w) or (n, h, w, 3) RGB uint8, or a sequence of (h, w) or (h, w, 3) uint8 arrays
# of differing size (PhotoFiles, which decodes lazily, where they come from a folder).
Images = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]

Arrays = dict[str, np.ndarray]  # what was learned, by name

Family = Literal["classical", "network"]
FAMILIES: dict[str, Family] = {"baselines": "classical", "cnn": "network"}  # by folder
Kind = Literal["digits", "objects", "photographs"]  # of images, see `Dataset`
KINDS = get_args(Kind)


class Track(Protocol):
    """Hands items on and may show how far they are; science draws no bars itself."""

    def __call__(self, items: Iterable[T], label: str, total: int) -> Iterator[T]: ...


def untracked(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """The `Track` that shows nothing."""
    return iter(items)


@dataclass(frozen=True)
class Descriptors:
    """N descriptors of n images in flat arrays; image i owns offsets[i] to [i + 1].

    values (N, length) float32; offsets (n + 1,) int64, from 0 to N; xy (N, 2) float32,
    keypoint centres as fractions of image width and height in [0, 1); scale (N,)
    float32, a quarter of the side of the patch that was described, in pixels of the
    image. An image without keypoints owns an empty range.
    """

    values: FloatArray
    offsets: NDArray[np.int64]
    xy: FloatArray
    scale: FloatArray

    @property
    def n_images(self) -> int:
        return len(self.offsets) - 1


@runtime_checkable
class LazyImages(Protocol):
    """Image files that are decoded one at a time: a sequence that knows their facts."""

    sizes: NDArray[np.int64]  # (n, 2), heights and widths
    digests: list[str]  # of each one's decoded pixels, see `fingerprint.digest_array`

    def take(self, rows: NDArray[np.int64]) -> Sequence[NDArray[np.uint8]]:
        """Those at the given positions, in that order; nothing is decoded."""

    def within(self, longest_px: int) -> Sequence[NDArray[np.uint8]]:
        """The same, shrunk to longest_px where their longer side is longer."""


class Descriptor(Protocol):
    """Finds keypoints and describes each by `length` numbers: a frozen dataclass."""

    @property
    def name(self) -> str:
        """What messages call it, such as "dense SIFT"."""

    @property
    def length(self) -> int:
        """Numbers per descriptor."""

    def extract(self, images: Images) -> Descriptors:
        """n images -> descriptors (N, length)."""


class Bag(Protocol):
    """A fitted encoder: n images in, one vector per image out."""

    @property
    def n_features(self) -> int:
        """Length of a vector."""

    def vectors(self, images: Images) -> FloatArray:
        """n images -> (n, n_features); an image without keypoints is a row of zeros."""

    def arrays(self) -> Arrays:
        """What was learned, by name."""

    def contributions(
        self, image: NDArray[np.uint8], weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """What each keypoint of one image adds to weights (n_features,) . vector.

        -> groups of descriptors and their values (N,); all together sum to the product.
        """


class Encoder(Protocol):
    """How descriptors become one vector per image: a frozen dataclass."""

    def learn(
        self,
        images: Images,
        descriptors: Sequence[Descriptor],
        seed: int,
        track: Track = untracked,
    ) -> Arrays:
        """What `bag` needs, from n images; BadInput where none has a keypoint."""

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """What the learned arrays must be, see `check_layout`."""

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> Bag:
        """The fitted encoder; BadInput where arrays do not fit together."""


class Method(Protocol):
    """A classifier of images: what the `build` of a method file returns."""

    @property
    def n_parameters(self) -> int:
        """Numbers that fit has learned."""

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None: ...

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Labels (n,)."""

    def scores(self, images: Images) -> FloatArray:
        """(n, C), larger is likelier, columns in the order of the labels."""

    def arrays(self) -> Arrays:
        """What fit has learned, by name; "classes", behind any dots, has (C,) labels.

        With the Config that is all of it: restored, it scores the same to the bit.
        """

    def restore(self, arrays: Arrays) -> None:
        """Take the place of fit; BadInput where names, types or shapes disagree."""


# What a method may offer besides. `isinstance(model, Explains)` asks for it.


@runtime_checkable
class TakesAnySize(Protocol):
    """Whether the images of one batch may differ in size."""

    any_size: bool


@runtime_checkable
class RunsOnDevice(Protocol):
    """Where a network is trained, as the record names it."""

    device: str


@runtime_checkable
class KeepsHistory(Protocol):
    """Training histories, one per network: a dataclass per epoch."""

    histories: Sequence[Sequence[Any]]


@runtime_checkable
class Shows(Protocol):
    """What was learned, as small pictures: kernels, words."""

    def show(self, images: Images) -> Mapping[str, np.ndarray]:
        """Name -> (n, h, w), from some training images."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for `winner` against `runner_up` (class indices).

    xy (N, 2) places in [0, 1); side_px (N,) sides of patches; contribution (N,) to the
    decision, positive for the winner.
    """

    winner: int
    runner_up: int
    xy: FloatArray
    side_px: FloatArray
    contribution: FloatArray


@runtime_checkable
class Explains(Protocol):
    """Where in an image the evidence for its label is."""

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Evidence]:
        """The image as the method looked at it, and the evidence."""


@runtime_checkable
class DrawsLayers(Protocol):
    """Pictures of what each layer does with one image."""

    def draw_layers(self, image: NDArray[np.uint8], folder: Path) -> list[Path]:
        """Write them into a folder; the paths."""


@runtime_checkable
class Resizes(Protocol):
    """What the method gets of an image (h, w) or (h, w, 3) once it is resized."""

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]: ...


@runtime_checkable
class Exports(Protocol):
    """The fitted model as an ONNX file with this metadata."""

    def export_onnx(self, path: Path, metadata: Mapping[str, str]) -> None: ...


def takes_any_size(model: Method) -> bool:
    return isinstance(model, TakesAnySize) and model.any_size


def part_of(config: Any, part: Callable[..., T], **given: Any) -> T:
    """A dataclass from the fields of a config that have the names of its own.

    So a method file states each setting once, in its Config, and hands it on; given:
    fields that it makes itself.
    """
    names = {field.name for field in dataclasses.fields(part)}  # type: ignore[arg-type]
    shared = names & {field.name for field in dataclasses.fields(config)}
    return part(**{name: getattr(config, name) for name in shared} | given)


def join_parts(parts: Mapping[str, Arrays]) -> Arrays:
    """Arrays of several parts under one roof: "svm" and "rows" become "svm.rows"."""
    return {
        f"{part}.{name}": array
        for part, arrays in parts.items()
        for name, array in arrays.items()
    }


def split_parts(arrays: Arrays, parts: Iterable[str]) -> dict[str, Arrays]:
    """The reverse of join_parts; BadInput where a name belongs to none of the parts."""
    found: dict[str, Arrays] = {part: {} for part in parts}
    for full_name, array in arrays.items():
        part, _, name = full_name.partition(".")
        if part not in found:
            raise BadInput(f"array {full_name!r} is not one of this method's")
        found[part][name] = array
    return found


def check_layout(arrays: Arrays, layout: Mapping[str, str]) -> dict[str, int]:
    """Compare arrays with what is expected; returns the size of each axis by its name.

    layout: name -> type and axes, such as "float32 s d"; an axis has one size wherever
    its name stands, and where a number stands, that size. Raises BadInput on a missing
    or unexpected array, a type or shape that disagrees, NaN and infinity.
    """
    for name in layout.keys() ^ arrays.keys():
        fault = "is missing" if name in layout else "is not one of this method's"
        raise BadInput(f"array {name!r} {fault}")
    sizes: dict[str, int] = {}
    for name, text in layout.items():
        kind, *axes = text.split()
        array = arrays[name]
        fits = array.dtype == np.dtype(kind) and array.ndim == len(axes)
        for axis, size in zip(axes, array.shape, strict=False):
            expected = int(axis) if axis.isdigit() else sizes.setdefault(axis, size)
            fits = fits and size == expected
        if not fits:
            known = ", ".join(str(sizes.get(axis, axis)) for axis in axes)
            raise BadInput(
                f"array {name!r}: expected {kind} of shape ({known}), found "
                f"{array.dtype} of shape ({', '.join(map(str, array.shape))})"
            )
        if not np.isfinite(array).all():
            raise BadInput(f"array {name!r} holds NaN or infinity")
    return sizes
