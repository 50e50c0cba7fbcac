"""Bring pictures to the form of small grey training images that show one thing each.

Such training images, as those of Fashion-MNIST, have a ground of one level, a figure
that is lighter or darker, of about the same size in all, and in the middle.
"""

from __future__ import annotations

from typing import Annotated, Any

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import to_grey
from visbase.pipeline.images.digit.ink import measure_ink, without_specks

MOST_USED = 2000  # training images
NEAR = 32  # grey levels; a ground differs less from its level
ALIKE = 0.9  # of the training images, at least, have the same ground
LARGEST_SIDE = 4096  # pixels of a training image
LARGEST_PX = 200  # longest side at which a figure is looked for
STRETCHED = 1.5  # times the widest figure or the narrowest; more is another thing
AGAINST = 0.3  # of the figure in its opposite; more is no ground of one level


class Ground(msgspec.Struct, frozen=True):
    """The common form of training images.

    level: grey level of the ground; is_dark: whether figures are lighter; extent: the
    longer side of figures in pixels; aspects: least and largest ratio of a figure's
    width to its height; middle: (y, x) where they are centred, in pixels; by_mass:
    whether by their mass or by their box.
    """

    level: Annotated[int, Meta(ge=0, le=255)]
    is_dark: bool
    extent: Annotated[float, Meta(gt=0, le=LARGEST_SIDE)]
    aspects: tuple[float, float]
    middle: tuple[float, float]
    by_mass: bool


def learn_ground(images: NDArray[np.uint8]) -> Ground | None:
    """Learn the form of training images (n, h, w); None if they have none in common."""
    if images.ndim != 3:
        return None
    images = images[:: -(-len(images) // MOST_USED)]
    rims = np.stack([_rim(image) for image in images]).astype(np.float32)
    level = float(np.median(rims))
    off = images - np.float32(level)
    is_dark = bool(np.sum(off**3) > 0)
    has_it = np.median(np.abs(rims - level), axis=1) < NEAR
    figures = (off if is_dark else -off) > NEAR
    found = has_it & figures.any(axis=(1, 2))
    if found.mean() < ALIKE:
        return None
    inks = np.abs(off[found]) * figures[found]
    places = np.array([_places(figure) for figure in inks])
    box, mass = places[:, 1:3], places[:, 3:]
    aspects = [_aspect(figure) for figure in inks]
    by_mass = bool(mass.std(axis=0).sum() < box.std(axis=0).sum())
    y, x = (mass if by_mass else box).mean(axis=0).tolist()
    extent = float(np.median(places[:, 0]))
    ends = min(aspects), max(aspects)
    return Ground(round(level), is_dark, extent, ends, (y, x), by_mass)


def bring_to(
    image: NDArray[np.uint8], size: tuple[int, int], ground: Ground
) -> NDArray[np.uint8]:
    """Bring a picture (h, w[, 3]) to the form of training images of a size (h', w').

    A picture of that size and ground is kept. Raises BadInput if nothing stands out, if
    that is much wider or narrower than all training images show, or if the picture has
    no ground of one level.
    """
    grey = to_grey(image[None])[0]
    if grey.shape == size and abs(np.median(_rim(grey)) - ground.level) < NEAR:
        return grey
    ink, mask, against = measure_ink(image, LARGEST_PX)
    if against > AGAINST:
        raise BadInput("it has no ground of one level, as the training images have")
    figure = without_specks(ink, mask)[1:-1, 1:-1]
    least, largest = ground.aspects
    aspect = figure.shape[1] / figure.shape[0]
    if not least / STRETCHED <= aspect <= largest * STRETCHED:
        raise BadInput(
            f"what it shows is {aspect:.2g} times as wide as high, in the training "
            f"images {least:.2g} to {largest:.2g} times"
        )
    ratio = ground.extent / max(figure.shape)
    ratio = min(ratio, size[0] / figure.shape[0], size[1] / figure.shape[1])
    height, width = (max(round(side * ratio), 1) for side in figure.shape)
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    small = cv2.resize(figure, (width, height), interpolation=how)
    small = np.clip(small, 0, 1).astype(np.float32)
    _, y, x, mass_y, mass_x = _places(small)
    middle = (mass_y, mass_x) if ground.by_mass else (y, x)
    field = np.zeros(size, np.float32)
    top, left = (
        int(np.clip(round(to - at), 0, whole - part))
        for whole, to, at, part in zip(
            size, ground.middle, middle, small.shape, strict=True
        )
    )
    field[top : top + height, left : left + width] = small
    end = 255 if ground.is_dark else 0
    return np.rint(ground.level + field * (end - ground.level)).astype(np.uint8)


def _rim(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels of the border."""
    return np.concatenate([image[[0, -1]].ravel(), image[1:-1, [0, -1]].ravel()])


def _aspect(figure: NDArray[Any]) -> float:
    """Width of what a figure (h, w) shows, divided by its height."""
    rows, columns = (np.flatnonzero(figure.any(axis=axis)) for axis in (1, 0))
    return float((columns[-1] - columns[0] + 1) / (rows[-1] - rows[0] + 1))


def _places(figure: NDArray[Any]) -> tuple[float, ...]:
    """Longer side of a figure (h, w); middle of box and of mass, each (y, x)."""
    rows, columns = (
        np.flatnonzero(figure.any(axis=1)),
        np.flatnonzero(figure.any(axis=0)),
    )
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    down, across = figure.sum(axis=1), figure.sum(axis=0)
    mass = float(down.sum())
    return (
        float(side),
        (rows[0] + rows[-1]) / 2,
        (columns[0] + columns[-1]) / 2,
        float(down @ np.arange(len(down))) / mass,
        float(across @ np.arange(len(across))) / mass,
    )
