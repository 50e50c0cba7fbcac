"""Fisher vectors of photographs, compared with OpenCV's SIFT and plain numpy."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side import Pair
from visbase.pipeline.descriptors.dense_sift import DenseSift, grid_centres
from visbase.pipeline.encoding.fisher import Fisher
from visbase.pipeline.encoding.mixture import Mixture
from visbase.pipeline.images.batches import to_grey

HEIGHT, WIDTH = 534, 400
BIN_PX, STEP_PX, MARGIN_PX = 6.0, 6, 8
OPENCV_BLUR_PX = 1.5199  # sqrt(1.6^2 - 0.5^2): the blur at the start of OpenCV's SIFT


def fisher_vectors() -> Pair:
    """The vector of one photograph and its mirror image, 256 Gaussians, one thread."""
    photos = photographs()
    grid = DenseSift(BIN_PX, STEP_PX, MARGIN_PX, OPENCV_BLUR_PX)
    encoder = Fisher(256, 20_000, 64, mirrored=True)
    bag = encoder.bag((grid,), encoder.learn(photos, (grid,), seed=0))
    mixture = bag.mixtures[0]
    return Pair(
        f"Fisher vectors of {len(photos)} photographs of {WIDTH} x {HEIGHT} and their "
        f"mirror images, {len(grid.extract(photos[:1]).values):,} descriptors each",
        "OpenCV `SIFT.compute` of both, Fisher vector in numpy",
        lambda: bag.vectors(photos),
        lambda: np.stack([plain_vector(photo, mixture) for photo in photos]),
        repeats=3,
        agreement=lambda ours, peer: (
            f"smallest cosine: {(ours * peer).sum(axis=1).min():.4f}"
        ),
    )


def photographs() -> list[NDArray[np.uint8]]:
    """The two sample photographs of scikit-learn and their upside-down copies."""
    from sklearn.datasets import load_sample_images

    photos = [
        cv2.resize(photo, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        for photo in load_sample_images().images
    ]
    return [np.ascontiguousarray(p) for photo in photos for p in (photo, photo[::-1])]


def plain_vector(photo: NDArray[np.uint8], mixture: Mixture) -> NDArray[Any]:
    """The Fisher vector by its definition (Perronnin et al. 2010), without blocks."""
    cv2.setNumThreads(1)
    grey = to_grey(photo[None])[0]
    points = np.concatenate([_points(view, mixture) for view in (grey, grey[:, ::-1])])
    deviations = np.sqrt(mixture.variances)
    logs = np.stack(
        [
            np.log(w) - np.log(s).sum() - 0.5 * (((points - m) / s) ** 2).sum(axis=1)
            for w, m, s in zip(mixture.weights, mixture.means, deviations, strict=True)
        ],
        axis=1,
    )
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    by_mean, by_deviation = [], []
    for k, w in enumerate(mixture.weights):
        u = (points - mixture.means[k]) / deviations[k]
        by_mean.append(shares[:, k] @ u / np.sqrt(w))
        by_deviation.append(shares[:, k] @ (u**2 - 1) / np.sqrt(2 * w))
    gradient = np.concatenate([*by_mean, *by_deviation]) / len(points)
    rooted = np.sign(gradient) * np.sqrt(np.abs(gradient))
    return rooted / np.linalg.norm(rooted)


def _points(grey: NDArray[np.uint8], mixture: Mixture) -> NDArray[np.float32]:
    """RootSIFT at the grid's points, projected: (N, D)."""
    rows = grid_centres(HEIGHT, STEP_PX, MARGIN_PX)
    columns = grid_centres(WIDTH, STEP_PX, MARGIN_PX)
    keypoints = [
        cv2.KeyPoint(float(x), float(y), BIN_PX / 1.5, 0.0)
        for y in rows
        for x in columns
    ]
    values = cv2.SIFT.create().compute(np.ascontiguousarray(grey), keypoints)[1]
    values = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1))
    xy = [((x + 0.5) / WIDTH, (y + 0.5) / HEIGHT) for y in rows for x in columns]
    return mixture.project(values, np.array(xy, np.float32))
