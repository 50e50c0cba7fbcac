"""A frozen backbone and a linear SVM as a method: fit, predict, explain, export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visbase.cnn.backbone.network import Backbone, load_backbone
from visbase.cnn.backbone.timm_networks import timm
from visbase.pipeline.contracts import (
    Arrays,
    Evidence,
    FloatArray,
    Images,
    check_layout,
    join_parts,
    split_parts,
)
from visbase.pipeline.encoding.pool import normalise, share_out
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import two_best
from visbase.pipeline.images.blocks import map_blocks
from visbase.pipeline.progress import track
from visbase.pipeline.storage.by_photograph import recall_rows
from visbase.pipeline.storage.fitted import fit_svm_cached
from visbase.pipeline.svm.kernel import Kernel, restore_svm

T = TypeVar("T")

LINEAR = Kernel("linear")
BELOW = 0.5  # weight of the map below the last one, see docs/tried.md


@dataclass
class FrozenBackbone:
    """Classifies images by the features of a network that others have trained.

    backbone: timm's name of the network; weights: their file, "" for those that
    `find_weights` finds; size_px: side of the square that an image becomes, 0 for the
    network's own; mirrored: whether to average with the mirror image's features; c:
    weight of margin violations; keep_backbone: whether a saved model holds the network.
    """

    backbone: str
    weights: str
    size_px: int
    mirrored: bool
    c: float
    keep_backbone: bool

    any_size = True  # images may differ in size

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Fit one linear SVM per class to n images with labels (n,)."""
        self.backbone_ = self._load()
        features = self._features(images)
        self.svm_ = fit_svm_cached(features, labels, LINEAR, self.c, "ovr")

    def scores(self, images: Images) -> FloatArray:
        """Compute the decision of each class's machine: n images -> (n, C)."""
        return self.svm_.scores(self._features(images))

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Predict the label with the highest score: n images -> (n,)."""
        return self.svm_.classes[self.scores(images).argmax(axis=1)]

    @property
    def pretrained(self) -> Mapping[str, str]:
        """What the backbone was trained on, its checksum and licence."""
        return self.facts_

    @property
    def n_parameters(self) -> int:
        """Count the numbers of the backbone and the SVM."""
        n_backbone = sum(array.size for array in self.backbone_.arrays.values())
        return n_backbone + self.svm_.n_parameters

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (h, w) or (h, w, 3) as the network sees it, (size, size, 3)."""
        return self.backbone_.square(image)

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Evidence]:
        """Attribute the decision for a class against the runner-up to map positions.

        -> the image as the network sees it, and the evidence of each position of the
        last map (Zhou et al. 2016). It is exact: the values sum to the difference of
        the two decisions without intercepts.
        """
        square = self.resize(image)
        maps = self._in_one_thread(lambda: self.backbone_.maps(self._views(square)))
        n_views, d, height, width = maps.shape
        if n_views == 2:  # mirror the positions back
            maps[1] = maps[1, :, :, ::-1]
        places = maps.sum(axis=0).reshape(d, -1) / np.float32(maps[0, 0].size * n_views)
        sums = places.sum(axis=1)
        features = features_of(sums[None], self.backbone_.n_below)[0]
        winner, runner_up = two_best(self.svm_.scores(features[None])[0])
        weights = self.svm_.slope(features, winner, runner_up)
        contribution = share_out(features, sums, weights) @ places
        yy, xx = np.mgrid[0:height, 0:width]
        xy = np.stack([(xx + 0.5) / width, (yy + 0.5) / height], axis=-1)
        side_px = np.full(height * width, len(square) / max(height, width), np.float32)
        xy = xy.reshape(-1, 2).astype(np.float32)
        return square, Evidence(winner, runner_up, xy, side_px, contribution)

    def export_onnx(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write backbone and SVM as one ONNX file, see `onnx_export`."""
        from visbase.cnn.inspection.onnx_export import write_onnx

        side = self.backbone_.size_px
        write_onnx(path, _Scores(self), (3, side, side), metadata, "scores")

    def arrays(self) -> Arrays:
        """Return the arrays of the SVM, and those of the backbone or their checksum."""
        if self.keep_backbone:
            backbone = self.backbone_.arrays
        else:
            checksum = bytes.fromhex(self.facts_["weights_sha256"])
            backbone = {"sha256": np.frombuffer(checksum, np.uint8)}
        return join_parts({"backbone": backbone, "svm": self.svm_.arrays()})

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model from its `arrays`.

        Raises BadInput if they do not fit together, or hold only the checksum of the
        backbone and it is not on this computer.
        """
        parts = split_parts(arrays, ("backbone", "svm"))
        svm = restore_svm(LINEAR, "ovr", parts["svm"])
        if self.keep_backbone:
            backbone = Backbone(self.backbone, self.size_px, parts["backbone"])
        else:
            check_layout(parts["backbone"], {"sha256": "uint8 32"})
            backbone = self._load(parts["backbone"]["sha256"].tobytes().hex())
        if len(svm.intercepts) and svm.support.shape[1] != backbone.n_features:
            raise BadInput(
                f"expected an SVM for vectors of length {backbone.n_features}, found "
                f"{svm.support.shape[1]}"
            )
        self.backbone_, self.svm_ = backbone, svm

    def _load(self, sha256: str = "") -> Backbone:
        backbone, self.facts_ = load_backbone(
            self.backbone, self.size_px, self.weights, sha256
        )
        return backbone

    def _features(self, images: Images) -> FloatArray:
        """Pool, root and scale: n images -> (n, d)."""
        key = {
            "weights": self.backbone_.arrays,
            "size": self.backbone_.size_px,
            "mirrored": self.mirrored,
            "timm": timm.__version__,
        }

        def compute(images: Images) -> FloatArray:
            return self._in_one_thread(
                lambda: map_blocks(self._pooled, images, "pooled features", track)
            )

        pooled = recall_rows("pooled", key, images, compute, (Backbone, type(self)))
        return features_of(pooled, self.backbone_.n_below)

    def _pooled(self, images: Images) -> FloatArray:
        """Average the pooled features of each image's views -> (n, d).

        Each image is a batch of its own, so that its features depend on it alone.
        """
        torch.set_num_threads(1)
        rows = np.empty((len(images), self.backbone_.n_features), np.float32)
        for row, image in zip(rows, images, strict=True):
            views = self._views(self.backbone_.square(image))
            row[:] = self.backbone_.pooled(views).mean(axis=0)
        return rows

    def _views(self, square: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image, and its mirror image if that counts: (1 or 2, side, side, 3)."""
        return np.stack([square, square[:, ::-1]] if self.mirrored else [square])

    def _in_one_thread(self, work: Callable[[], T]) -> T:
        """Do work whose operators each run in one thread; several images run at once.

        So the last bits do not depend on the number of cores.
        """
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return work()
        finally:
            torch.set_num_threads(n_threads)


class _Scores(nn.Module):
    """The computation of `FrozenBackbone.scores` on squares (n, 3, side, side)."""

    def __init__(self, model: FrozenBackbone) -> None:
        super().__init__()
        self.backbone = model.backbone_
        self.mirrored = model.mirrored
        self.normals = nn.Parameter(torch.from_numpy(model.svm_.support))
        self.intercepts = nn.Parameter(torch.from_numpy(model.svm_.intercepts))

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.backbone(images)
        if self.mirrored:
            pooled = (pooled + self.backbone(images.flip(3))) / 2
        n_last = pooled.shape[1] - self.backbone.n_below
        last, below = pooled[:, :n_last], pooled[:, n_last:]
        unit = nn.functional.normalize
        parts = [unit(last.sign() * last.abs().sqrt()), BELOW * unit(below)]
        return unit(torch.cat(parts, dim=1)) @ self.normals.T + self.intercepts


def features_of(pooled: FloatArray, n_below: int) -> FloatArray:
    """Scale pooled features (n, d) so that their dot products compare images: (n, d).

    Those of the last map get a signed square root (Perronnin et al. 2010, section 3.1),
    both parts unit length and the weights 1 and BELOW, the whole unit length.
    """
    last, below = np.split(pooled, [pooled.shape[1] - n_below], axis=1)
    parts = [np.copysign(np.sqrt(np.abs(last)), last), below.copy()]
    last, below = (normalise(part, power=1) for part in parts)
    return normalise(np.concatenate([last, BELOW * below], axis=1), power=1)
