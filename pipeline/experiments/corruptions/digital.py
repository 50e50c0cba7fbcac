"""Bend small pictures, show them in larger pixels, compress them."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from visbase.pipeline.experiments.corruptions import OBJECTS, Batch, Corruption


def elastic(
    images: Batch, strength: tuple[float, float, float], rng: np.random.Generator
) -> Batch:
    """Warp each image by a random affine map, then by smooth random displacements.

    strength, as fractions of the image's shorter side: size of the displacements
    before smoothing, standard deviation of the smoothing, and how far the corners of
    the triangle that defines the map move. Beyond the border the image is mirrored.
    """
    from scipy.ndimage import gaussian_filter

    n, height, width = images.shape[:3]
    side = min(height, width)
    size, sigma, move = (part * side for part in strength)
    y, x, third = height // 2, width // 2, side // 3
    triangle = [(x + third, y + third), (x + third, y - third), (x - third, y - third)]
    corners = np.array(triangle, np.float32)
    moves = rng.uniform(-move, move, (n, 3, 2)).astype(np.float32)
    noise = rng.uniform(-1, 1, (2, n, height, width)).astype(np.float32)
    smooth = gaussian_filter(noise, (0, 0, sigma, sigma), mode="reflect", truncate=3)
    maps = np.indices((height, width), np.float32)[::-1, None] + size * smooth
    result = np.empty_like(images)
    for image, bent, moved, map_x, map_y in zip(
        images, result, corners + moves, *maps, strict=True
    ):
        affine = cv2.getAffineTransform(corners, moved)
        turned = cv2.warpAffine(
            image, affine, (width, height), borderMode=cv2.BORDER_REFLECT_101
        )
        cv2.remap(turned, map_x, map_y, cv2.INTER_LINEAR, bent, cv2.BORDER_REFLECT)
    return result


def pixelate(images: Batch, part: float, _rng: np.random.Generator) -> Batch:
    """Shrink each side to `part` and enlarge it again, both by Pillow's box filter.

    As the authors do: for a part near 1, the filter repeats most pixels unchanged.
    """
    height, width = images.shape[1:3]
    small, box = (int(width * part), int(height * part)), Image.Resampling.BOX
    pictures = [Image.fromarray(image).resize(small, box) for image in images]
    return np.stack([np.asarray(p.resize((width, height), box)) for p in pictures])


def jpeg(images: Batch, quality: int, _rng: np.random.Generator) -> Batch:
    """Compress each image and read it again."""
    result = np.empty_like(images)
    for image, read in zip(images, result, strict=True):
        code = cv2.imencode(".jpg", _swap(image), (cv2.IMWRITE_JPEG_QUALITY, quality))[
            1
        ]
        read[:] = _swap(np.asarray(cv2.imdecode(code, cv2.IMREAD_UNCHANGED)))
    return result


def _swap(image: Batch) -> Batch:
    """Turn RGB to OpenCV's BGR, or back; grey stays."""
    return image[..., ::-1] if image.ndim == 3 else image


CORRUPTIONS = (
    Corruption(
        "elastic",
        elastic,
        (
            (0, 0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        ),
        "of the side (size, smoothing, corners)",
        32,
        OBJECTS,
    ),
    Corruption(
        "pixelate", pixelate, (0.95, 0.9, 0.85, 0.75, 0.65), "of the side", 33, OBJECTS
    ),
    Corruption("jpeg", jpeg, (80, 65, 58, 50, 40), "quality", 34, OBJECTS),
)
