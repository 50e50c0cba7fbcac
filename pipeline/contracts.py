"""Interfaces between the stages: images, descriptors, encoders, methods.

A new descriptor, encoder or method is a class with the members below; it inherits from
none of them. Letters: n images, N descriptors, k words, C classes.
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
# of differing size; images from a folder are PhotoFiles, which are decoded lazily.
Image = NDArray[np.uint8]
Images = Image | Sequence[Image]
Arrays = dict[str, np.ndarray]  # learned arrays by name
Scorer = Callable[[FloatArray], FloatArray]  # features (n, d) to scores (n, C)
Family = Literal["classical", "network"]
FAMILIES: dict[str, Family] = {"baselines": "classical", "cnn": "network"}  # by folder
Kind = Literal["digits", "objects", "photographs"]  # of images, see `Dataset`
KINDS = get_args(Kind)


class Track(Protocol):
    """Yields items unchanged, and may show progress; the science draws no bars."""

    def __call__(self, items: Iterable[T], label: str, total: int) -> Iterator[T]: ...


def untracked(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """Yield the items without showing progress."""
    return iter(items)


@dataclass(frozen=True)
class Descriptors:
    """N descriptors of n images in flat arrays.

    values (N, length) float32, where rows offsets[i] to offsets[i + 1] belong to image
    i; offsets (n + 1,) int64, from 0 to N; xy (N, 2) float32, keypoint centres as
    fractions of image width and height in [0, 1); scale (N,) float32, a quarter of the
    side of the described patch in image pixels. An image may have no rows.
    """

    values: FloatArray
    offsets: NDArray[np.int64]
    xy: FloatArray
    scale: FloatArray

    @property
    def n_images(self) -> int:
        return len(self.offsets) - 1


class Descriptor(Protocol):
    """Finds keypoints, and describes each by `length` numbers; a frozen dataclass."""

    @property
    def name(self) -> str: ...  # for messages, such as "dense SIFT"

    @property
    def length(self) -> int: ...  # numbers per descriptor

    def extract(self, images: Images) -> Descriptors:
        """Describe the keypoints of n images: descriptors (N, length)."""


@runtime_checkable
class Mirrors(Protocol):
    mirror: NDArray[np.int64]  # values[:, mirror] describe the mirrored patches


class Bag(Protocol):
    """A fitted encoder, which turns each image into one vector."""

    @property
    def n_features(self) -> int: ...  # length of a vector

    def vectors(self, images: Images) -> FloatArray:
        """n images -> (n, n_features); an image without keypoints is a row of zeros."""

    def arrays(self) -> Arrays: ...  # what was learned, by name

    def contributions(
        self, image: Image, weights: FloatArray
    ) -> list[tuple[Descriptors, FloatArray]]:
        """Compute what each keypoint adds to weights (n_features,) . vector.

        -> groups of descriptors and their values (N,); all values sum to the product.
        """


@runtime_checkable
class HasParts(Protocol):
    """A bag whose vectors have parts, of these lengths, that may count differently."""

    parts: list[int]

    def weighted(self, weights: FloatArray) -> Bag:
        """Return the bag that multiplies its parts by weights (P,); 0 drops one."""


class Encoder(Protocol):
    """Settings for encoding descriptors as one vector per image; a frozen dataclass."""

    def learn(
        self,
        images: Images,
        descriptors: Sequence[Descriptor],
        seed: int,
        track: Track = untracked,
    ) -> Arrays:
        """Learn arrays for `bag` from n images; BadInput if none has a keypoint."""

    def layout(self, descriptors: Sequence[Descriptor]) -> dict[str, str]:
        """Return the layout of the learned arrays, see `check_layout`."""

    def bag(self, descriptors: Sequence[Descriptor], arrays: Arrays) -> Bag:
        """Create the fitted encoder; BadInput if the arrays do not fit together."""


class Method(Protocol):
    """A classifier of images, returned by `build` of a method file."""

    @property
    def n_parameters(self) -> int: ...  # learned values

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None: ...

    def predict(self, images: Images) -> NDArray[np.int64]: ...  # labels (n,)

    def scores(self, images: Images) -> FloatArray:
        """Compute scores (n, C), higher is likelier, with columns in label order."""

    def arrays(self) -> Arrays:
        """Return the learned arrays by name; "classes" (after any dots) has the labels.

        Restored with the same Config, they give exactly the same scores.
        """

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model; BadInput if names, types or shapes are wrong."""


# Optional features of a method; check with `isinstance(model, Explains)`.


@runtime_checkable
class TakesAnySize(Protocol):
    any_size: bool  # whether the images of a batch may differ in size


@runtime_checkable
class RunsOnDevice(Protocol):
    device: str  # that trains the network, for the record


@runtime_checkable
class IsPretrained(Protocol):
    pretrained: Mapping[str, str]  # what by others: facts by name, such as trained_on


@runtime_checkable
class KeepsHistory(Protocol):
    histories: Sequence[Sequence[Any]]  # a dataclass per epoch, for each network


@runtime_checkable
class Refits(Protocol):
    """Can fit its last stage, a classifier of features, again to other images.

    What was learned before it (vocabulary, projection, backbone) stays as it is, and so
    does the model: `refit` returns the `scores_of` of the new classifier.
    """

    def features(self, images: Images) -> FloatArray: ...  # (n, d)

    def scores_of(self, features: FloatArray) -> FloatArray: ...  # (n, d) -> (n, C)

    def refit(self, features: FloatArray, labels: NDArray[np.int64]) -> Scorer: ...


@runtime_checkable
class Shows(Protocol):
    """Draws what was learned from some training images: pictures (n, h, w[, 3])."""

    def show(self, images: Images) -> Mapping[str, np.ndarray]: ...


@dataclass(frozen=True)
class Evidence:
    """Contributions of image patches to the decision between two class indices.

    xy (N, 2) centres and sides (N, 2) of the patches, in fractions of the image's width
    and height; contribution (N,), positive for the winner, negative for the runner-up.
    """

    winner: int
    runner_up: int
    xy: FloatArray
    sides: FloatArray
    contribution: FloatArray


@runtime_checkable
class Explains(Protocol):
    """Shows which parts of an image, returned upright, support its label."""

    def explain(self, image: Image) -> tuple[Image, Evidence]: ...


@runtime_checkable
class DrawsLayers(Protocol):
    """Draws the output of each layer for one image into a folder; returns the paths."""

    def draw_layers(self, image: Image, folder: Path) -> list[Path]: ...


@runtime_checkable
class Resizes(Protocol):
    def resize(self, image: Image) -> Image: ...  # to the size that the method takes


@runtime_checkable
class Exports(Protocol):
    """Writes the fitted model as an ONNX file with metadata."""

    def export_onnx(self, path: Path, metadata: Mapping[str, str]) -> None: ...


def takes_any_size(model: Method) -> bool:
    return isinstance(model, TakesAnySize) and model.any_size


def part_of(config: Any, part: Callable[..., T], **given: Any) -> T:
    """Create a dataclass from the config's fields of the same names, and from `given`.

    A method file thus states each setting once, in its Config.
    """
    names = {field.name for field in dataclasses.fields(part)}  # type: ignore[arg-type]
    shared = names & {field.name for field in dataclasses.fields(config)}
    return part(**{name: getattr(config, name) for name in shared} | given)


def join_parts(parts: Mapping[str, Arrays]) -> Arrays:
    """Merge the arrays of several parts: "rows" of "svm" becomes "svm.rows"."""
    return {
        f"{part}.{name}": array
        for part, arrays in parts.items()
        for name, array in arrays.items()
    }


def split_parts(arrays: Arrays, parts: Iterable[str]) -> dict[str, Arrays]:
    """Undo join_parts; BadInput if a name belongs to none of the parts."""
    result: dict[str, Arrays] = {part: {} for part in parts}
    for full_name, array in arrays.items():
        part, _, name = full_name.partition(".")
        if part not in result:
            raise BadInput(f"array {full_name!r} is not one of this method's")
        result[part][name] = array
    return result


def check_layout(arrays: Arrays, layout: Mapping[str, str]) -> dict[str, int]:
    """Check arrays against a layout; returns the size of each axis by name.

    layout: array name -> type and axes, such as "float32 s d". Axes of the same name
    must have the same size; a number is the size itself. Raises BadInput on a missing
    or unexpected array, a wrong type or shape, NaN and infinity.
    """
    for name in sorted(layout.keys() ^ arrays.keys()):
        fault = "is missing" if name in layout else "is not one of this method's"
        raise BadInput(f"array {name!r} {fault}")
    sizes: dict[str, int] = {}
    for name, text in layout.items():
        kind, *axes = text.split()
        array = arrays[name]
        for axis, size in zip(axes, array.shape, strict=False):
            sizes.setdefault(axis, int(axis) if axis.isdigit() else size)
        known = ", ".join(str(sizes.get(axis, axis)) for axis in axes)
        found = ", ".join(map(str, array.shape))
        if array.dtype != np.dtype(kind) or found != known:
            raise BadInput(
                f"array {name!r}: expected {kind} of shape ({known}), found "
                f"{array.dtype} of shape ({found})"
            )
        if not np.isfinite(array).all():
            raise BadInput(f"array {name!r} holds NaN or infinity")
    return sizes
