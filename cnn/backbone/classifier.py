"""A backbone and a linear discriminant as a method: fit, scores, explain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visbase.cnn.backbone.discriminant import fit_discriminant
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
from visbase.pipeline.errors import BadEnvironment, BadInput
from visbase.pipeline.evaluation import two_best
from visbase.pipeline.images.batches import coarsely
from visbase.pipeline.images.blocks import map_blocks
from visbase.pipeline.progress import track, working
from visbase.pipeline.storage.by_photograph import recall_rows

T = TypeVar("T")

STAGE_WEIGHT = 0.5  # of the features of a stage, see docs/tried.md


@dataclass
class BackboneClassifier:
    """Classifies images by the features of a network that others have trained.

    backbone: timm's name of the network; weights: their file, "" for those that
    `find_weights` finds; size_px: side of the square that an image becomes, 0 for the
    network's own; mirrored: whether to average with the mirror image's features;
    shrinkage, balanced: see `fit_discriminant`; keep_backbone: whether a saved model
    holds the network.
    """

    backbone: str
    weights: str
    size_px: int
    mirrored: bool
    shrinkage: float
    balanced: bool
    keep_backbone: bool

    any_size = True  # images may differ in size

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Fit the discriminant to n images with labels (n,)."""
        if not 0 < self.shrinkage <= 1:
            raise BadInput(
                f"shrinkage={self.shrinkage}: expected a number above 0, at most 1"
            )
        self.backbone_ = self._backbone_for(images, labels)
        self.classes_ = np.unique(labels)
        features = self.features(images)
        with working("linear discriminant"):
            fitted = self.discriminant(features, labels)
        self.weights_, self.intercepts_ = fitted

    def scores(self, images: Images) -> FloatArray:
        """Compute log-probabilities (n, C), columns in the order of the labels."""
        return self.scores_of(self.features(images))

    def scores_of(self, features: FloatArray) -> FloatArray:
        """Compute the `scores` (n, C) of images with features (n, d)."""
        return log_probabilities(features, self.weights_, self.intercepts_)

    def discriminant(
        self, features: FloatArray, labels: NDArray[np.int64]
    ) -> tuple[FloatArray, FloatArray]:
        return fit_discriminant(features, labels, self.shrinkage, self.balanced)

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Predict the label with the highest score: n images -> (n,)."""
        return self.classes_[self.scores(images).argmax(axis=1)]

    @property
    def pretrained(self) -> Mapping[str, str]:
        """What the backbone was trained on, its checksum and licence."""
        return self.facts_

    @property
    def n_parameters(self) -> int:
        """Count the numbers of the backbone and the discriminant."""
        n_backbone = sum(array.size for array in self.backbone_.arrays.values())
        return n_backbone + self.weights_.size + self.intercepts_.size

    def resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (h, w) or (h, w, 3) as the network sees it, (size, size, 3)."""
        return self.backbone_.square(image)

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Evidence]:
        """Attribute the decision for a class against the runner-up to map positions.

        -> the image itself, and the evidence of each position of the last maps (Zhou et
        al. 2016). It is exact: the values sum to the difference of the two decisions
        without intercepts.
        """
        views = self.views(self.resize(image))
        maps = self.in_one_thread(lambda: self.backbone_.maps(views))
        sums = np.concatenate([each.mean(axis=(0, 2, 3)) for each in maps])
        features = features_of(sums[None], self.backbone_.lengths)[0]
        winner, runner_up = two_best(features @ self.weights_ + self.intercepts_)
        slope = self.weights_[:, winner] - self.weights_[:, runner_up]
        shares = np.split(
            share_out(features, sums, slope), np.cumsum(self.backbone_.lengths)[:-1]
        )
        places = [_places(*pair) for pair in zip(maps, shares, strict=True)]
        xy, sides, contribution = map(np.concatenate, zip(*places, strict=True))
        return image, Evidence(winner, runner_up, xy, sides, contribution)

    def export_onnx(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write backbone and discriminant as one ONNX file, see `onnx_export`."""
        from visbase.cnn.inspection.onnx_export import write_onnx

        side = self.backbone_.size_px
        write_onnx(path, _Scores(self), (3, side, side), metadata)

    def arrays(self) -> Arrays:
        """Return the discriminant, and the backbone's arrays or their checksum."""
        if self.keep_backbone:
            backbone = self.backbone_.arrays
        else:
            checksum = bytes.fromhex(self.facts_["weights_sha256"])
            backbone = {"sha256": np.frombuffer(checksum, np.uint8)}
        return join_parts(
            {
                "backbone": backbone,
                "head": {
                    "classes": self.classes_,
                    "weights": self.weights_,
                    "intercepts": self.intercepts_,
                },
            }
        )

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model from its `arrays`.

        Raises BadInput if they do not fit together, or hold only the checksum of the
        backbone and it is not on this computer.
        """
        parts = split_parts(arrays, ("backbone", "head"))
        head = parts["head"]
        layout = {"weights": "float32 d C", "intercepts": "float32 C"}
        n_features = check_layout(head, {"classes": "int64 C"} | layout)["d"]
        if self.keep_backbone:
            backbone = Backbone(self.backbone, self.size_px, parts["backbone"])
        else:
            check_layout(parts["backbone"], {"sha256": "uint8 32"})
            try:
                backbone = self._load(parts["backbone"]["sha256"].tobytes().hex())
            except BadInput as error:
                raise BadEnvironment(
                    f"the model was saved with keep_backbone=False, and {error}"
                ) from None
        if n_features != backbone.n_features:
            raise BadInput(
                f"expected a discriminant of vectors of length {backbone.n_features}, "
                f"found {n_features}"
            )
        self.backbone_, self.classes_ = backbone, head["classes"]
        self.weights_, self.intercepts_ = head["weights"], head["intercepts"]

    def _backbone_for(self, images: Images, labels: NDArray[np.int64]) -> Backbone:
        """The backbone whose features are classified."""
        return self._load()

    def _load(self, sha256: str = "") -> Backbone:
        backbone, self.facts_ = load_backbone(
            self.backbone, self.size_px, self.weights, sha256
        )
        return backbone

    def features(self, images: Images) -> FloatArray:
        """Pool, root and scale: n images -> (n, d)."""
        key = {
            "backbone": self.backbone_.name,  # some share weights but not padding
            "weights": self.backbone_.arrays,
            "size": self.backbone_.size_px,
            "mirrored": self.mirrored,
            "timm": timm.__version__,
        }

        code = (Backbone, BackboneClassifier)
        pooled = recall_rows("pooled", key, images, self.pooled, code)
        return features_of(pooled, self.backbone_.lengths)

    def pooled(self, images: Images) -> FloatArray:
        """Compute the pooled features of n images in threads: (n, d)."""
        return self.in_one_thread(
            lambda: map_blocks(self._pooled, images, "pooled features", track)
        )

    def _pooled(self, images: Images) -> FloatArray:
        """Average the pooled features of each image's views -> (n, d).

        Each image is a batch of its own, so that its features depend on it alone.
        """
        torch.set_num_threads(1)
        rows = np.empty((len(images), self.backbone_.n_features), np.float32)
        side = self.backbone_.size_px
        for row, image in zip(rows, coarsely(images, side, side), strict=True):
            views = self.views(self.backbone_.square(image))
            row[:] = self.backbone_.pooled(views).mean(axis=0)
        return rows

    def views(self, square: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image, and its mirror image if that counts: (1 or 2, side, side, 3)."""
        return np.stack([square, square[:, ::-1]] if self.mirrored else [square])

    def in_one_thread(self, work: Callable[[], T]) -> T:
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
    """The computation of the `scores` on squares (n, 3, side, side)."""

    def __init__(self, model: BackboneClassifier) -> None:
        super().__init__()
        self.backbone = model.backbone_
        self.mirrored = model.mirrored
        self.weights = nn.Parameter(torch.from_numpy(model.weights_))
        self.intercepts = nn.Parameter(torch.from_numpy(model.intercepts_))

    def forward(self, images: Tensor) -> Tensor:
        views = [images, images.flip(3)] if self.mirrored else [images]
        pooled = self.backbone(torch.cat(views)).unflatten(0, (len(views), -1)).mean(0)
        unit = nn.functional.normalize
        last, *stages = pooled.split(self.backbone.lengths, dim=1)
        parts = [unit(last.sign() * last.abs().sqrt())]
        parts += [STAGE_WEIGHT * unit(stage) for stage in stages]
        scores = unit(torch.cat(parts, dim=1)) @ self.weights + self.intercepts
        return scores.log_softmax(1)


def log_probabilities(
    features: FloatArray, weights: FloatArray, intercepts: FloatArray
) -> FloatArray:
    """Compute log-probabilities (n, C) by a discriminant of features (n, d)."""
    scores = features @ weights + intercepts
    scores -= scores.max(axis=1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return scores


def features_of(pooled: FloatArray, lengths: Sequence[int]) -> FloatArray:
    """Scale pooled features (n, d) so that images of any contrast compare: (n, d).

    The first of the parts, which have these lengths, gets a signed square root
    (Perronnin et al. 2010, section 3.1). Each part gets unit length, the others then
    STAGE_WEIGHT, the whole unit length.
    """
    last, *stages = np.split(pooled, np.cumsum(lengths)[:-1], axis=1)
    parts = [normalise(np.copysign(np.sqrt(np.abs(last)), last), power=1)]
    parts += [np.float32(STAGE_WEIGHT) * normalise(s.copy(), power=1) for s in stages]
    return normalise(np.concatenate(parts, axis=1), power=1)


def _places(
    views: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Positions, sides and shares of weights . mean over views (1 or 2, d, y, x)."""
    n_views, _, height, width = views.shape
    values = np.einsum("vdyx,d->vyx", views, weights) / views[:, 0].size
    if n_views == 2:  # mirror the positions back
        values[1] = values[1, :, ::-1]
    yy, xx = np.mgrid[0:height, 0:width]
    xy = np.stack([(xx + 0.5) / width, (yy + 0.5) / height], axis=-1)
    sides = np.tile(np.array([1 / width, 1 / height], np.float32), (xx.size, 1))
    return xy.reshape(-1, 2).astype(np.float32), sides, values.sum(axis=0).ravel()
