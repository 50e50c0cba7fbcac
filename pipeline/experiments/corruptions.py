"""Damaged test images: twelve kinds, five strengths each, from a fixed seed.

Kinds and their order of strength follow Hendrycks & Dietterich 2019 (ICLR,
"Benchmarking neural network robustness to common corruptions") and Mu & Gilmer 2019
(MNIST-C), with strengths for 28 x 28 pixels stated below. Images are bright ink on
black, (n, h, w) uint8; lengths in pixels of such an image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.uint8]
Work = Callable[[Batch, float, np.random.Generator], Batch]

FINE = 4  # times as many pixels a side while strokes are thickened


@dataclass(frozen=True)
class Damage:
    """One kind; strengths: five, rising; unit: of them, in words."""

    name: str
    work: Work
    strengths: tuple[float, float, float, float, float]
    unit: str

    def apply(self, images: Batch, level: int) -> Batch:
        """Images (n, h, w) damaged with strength number level, 1 to 5."""
        if not 1 <= level <= len(self.strengths):
            raise ValueError(f"level {level}: expected 1 to {len(self.strengths)}")
        seed = [*self.name.encode(), level]  # the same damage in every run
        rng = np.random.default_rng(seed)
        return self.work(images, self.strengths[level - 1], rng)


def shift(images: Batch, length: float, rng: np.random.Generator) -> Batch:
    """Move each image by `length` pixels in a random direction."""
    angle = rng.uniform(0, 2 * np.pi, len(images))
    moves = length * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _affine(images, np.tile(np.eye(2), (len(images), 1, 1)), moves)


def rotation(images: Batch, degrees: float, rng: np.random.Generator) -> Batch:
    """Turn each image about its middle, one way or the other."""
    angle = np.radians(degrees) * rng.choice([-1, 1], len(images))
    cosine, sine = np.cos(angle), np.sin(angle)
    rows = [np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)]
    return _affine(images, np.stack(rows, axis=1))


def scale(images: Batch, factor: float, _rng: np.random.Generator) -> Batch:
    """Shrink each image to `factor` of its size about its middle."""
    return _affine(images, np.tile(np.eye(2) / factor, (len(images), 1, 1)))


def shear(images: Batch, slope: float, rng: np.random.Generator) -> Batch:
    """Slant each image by `slope` columns a row, one way or the other."""
    maps = np.tile(np.eye(2), (len(images), 1, 1))
    maps[:, 0, 1] = slope * rng.choice([-1, 1], len(images))
    return _affine(images, maps)


def gaussian_noise(images: Batch, deviation: float, rng: np.random.Generator) -> Batch:
    """Add normal noise; deviation as a fraction of white."""
    noise = rng.standard_normal(images.shape, np.float32)
    return _rounded(images + 255 * deviation * noise)


def shot_noise(images: Batch, photons: float, rng: np.random.Generator) -> Batch:
    """Poisson counts of light, of `photons` where the image is white."""
    return _rounded(rng.poisson(images * (photons / 255)) * (255 / photons))


def blur(images: Batch, sigma: float, _rng: np.random.Generator) -> Batch:
    """Smooth with a Gaussian of standard deviation sigma."""
    return np.stack([cv2.GaussianBlur(image, (0, 0), sigma) for image in images])


def occlusion(images: Batch, side: float, rng: np.random.Generator) -> Batch:
    """Black out a square around a random pixel of each image's ink."""
    result, half = images.copy(), int(side) // 2
    for image in result:
        ink = np.argwhere(image > 127)
        if len(ink):
            y, x = ink[rng.integers(len(ink))]
            image[max(y - half, 0) : y + half, max(x - half, 0) : x + half] = 0
    return result


def thickness(images: Batch, radius: float, _rng: np.random.Generator) -> Batch:
    """Thicken strokes by `radius` on each side: dilation by a disc, in finer pixels."""
    side = 2 * round(radius * FINE) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    result = np.empty_like(images)
    for image, thick in zip(images, result, strict=True):
        fine = cv2.resize(image, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LINEAR)
        fine = cv2.dilate(fine, disc)
        cv2.resize(fine, image.shape[::-1], dst=thick, interpolation=cv2.INTER_AREA)
    return result


def inversion(images: Batch, part: float, _rng: np.random.Generator) -> Batch:
    """Go `part` of the way from the image to its negative."""
    return _rounded((1 - part) * images + part * (255.0 - images))


def brightness(images: Batch, part: float, _rng: np.random.Generator) -> Batch:
    """Add `part` of white everywhere."""
    return _rounded(images + 255 * part)


def spatter(images: Batch, part: float, rng: np.random.Generator) -> Batch:
    """White drops over `part` of each image: smoothed noise above its quantile."""
    noise = rng.standard_normal(images.shape, np.float32)
    smooth = np.stack([cv2.GaussianBlur(one, (0, 0), 1.0) for one in noise])
    limit = np.quantile(smooth, 1 - part, axis=(1, 2), keepdims=True)
    return np.where(smooth > limit, np.uint8(255), images)


DAMAGES = (
    Damage("shift", shift, (1, 2, 3, 4, 5), "pixels"),
    Damage("rotation", rotation, (10, 20, 30, 40, 50), "degrees"),
    Damage("scale", scale, (0.9, 0.8, 0.7, 0.6, 0.5), "of the size"),
    Damage("shear", shear, (0.15, 0.3, 0.45, 0.6, 0.75), "columns a row"),
    Damage("gaussian_noise", gaussian_noise, (0.1, 0.2, 0.3, 0.4, 0.5), "of white"),
    Damage("shot_noise", shot_noise, (60, 25, 12, 5, 3), "photons"),
    Damage("blur", blur, (0.5, 1, 1.5, 2, 2.5), "pixels"),
    Damage("occlusion", occlusion, (4, 6, 8, 10, 12), "pixels a side"),
    Damage("thickness", thickness, (0.25, 0.5, 1, 1.5, 2), "pixels a side"),
    Damage("inversion", inversion, (0.2, 0.4, 0.6, 0.8, 1), "of the way"),
    Damage("brightness", brightness, (0.1, 0.2, 0.3, 0.4, 0.5), "of white"),
    Damage("spatter", spatter, (0.02, 0.05, 0.1, 0.15, 0.2), "of the area"),
)


def other_hand() -> tuple[Batch, NDArray[np.int64]]:
    """Digits of another origin: 1,797 of scikit-learn, (n, 28, 28), labels (n,).

    Alpaydin & Kaynak 1998, 8 x 8 counts of ink from 0 to 16, from other writers on
    other paper. Enlarged to 20 x 20 in the middle of 28 x 28 pixels, as MNIST's are.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    result = np.zeros((len(digits.images), 28, 28), np.uint8)
    for small, large in zip(digits.images, result, strict=True):
        grown = cv2.resize(
            small.astype(np.float32), (20, 20), interpolation=cv2.INTER_CUBIC
        )
        large[4:24, 4:24] = _rounded(grown * (255 / 16))
    return result, digits.target.astype(np.int64)


def _affine(
    images: Batch, maps: NDArray[np.float64], moves: NDArray[np.float64] | None = None
) -> Batch:
    """Images whose pixel p shows pixel maps (p - middle) + middle - move of the input.

    maps (n, 2, 2), moves (n, 2) in x and y; bilinear, black outside.
    """
    height, width = images.shape[1:]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    offsets = middle - maps @ middle
    if moves is not None:
        offsets -= moves
    sources = np.concatenate([maps, offsets[:, :, None]], axis=2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    result = np.empty_like(images)
    for image, moved, source in zip(images, result, sources, strict=True):
        cv2.warpAffine(image, source, (width, height), dst=moved, flags=flags)
    return result


def _rounded(values: NDArray[np.floating]) -> Batch:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
