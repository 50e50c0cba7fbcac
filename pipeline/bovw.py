"""The classical pipeline as one classifier: bag of visual words, then a kernel SVM.

    images -> (deskewed) -> vectors -> (projected) features -> SVM -> labels

This file joins the stages of `descriptors`, `encoding` and `svm`, and loads from the
cache what was computed before. The training set may be enlarged by virtual examples:
randomly distorted copies of the images (Simard et al. 2003). Only images near a margin
of a first SVM, fitted without copies, are copied; copies of the others would not become
support vectors (DeCoste & Schölkopf 2002 copy support vectors only).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import (
    Arrays,
    Bag,
    Descriptor,
    Encoder,
    Evidence,
    FloatArray,
    HasParts,
    Images,
    check_layout,
    join_parts,
    split_parts,
)
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.encoding.histograms import BagOfWords
from visbase.pipeline.encoding.projection import Projection, fit_projection
from visbase.pipeline.encoding.word_patches import mean_patches
from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import two_best
from visbase.pipeline.images.batches import choose, stack_grey, within
from visbase.pipeline.images.blocks import map_blocks
from visbase.pipeline.images.deskew import deskew
from visbase.pipeline.images.distort import Distortion, distort
from visbase.pipeline.progress import track, working
from visbase.pipeline.storage.cache import recall
from visbase.pipeline.storage.fitted import fit_svm_cached
from visbase.pipeline.svm.kernel import Kernel, restore_svm

PROJECTION_IMAGES = 6000  # at most; the projection is fitted to their vectors
# Margins of the SVM fitted without copies, where a support vector has at most 1.
COPIED_MARGIN = 1.5  # images with a smaller margin are copied
KEPT_MARGIN = 1.3  # copies with a smaller margin are kept
WORTH_KEEPING = 1000  # features of at least this many images are kept on disk
PATCH_BINS = 4  # side of a patch in units of `Descriptors.scale`


@dataclass
class BovwSVM:
    """A bag-of-words classifier, a `contracts.Method`.

    descriptors: one per patch size; encoder: turns descriptors into one vector per
    image; kernel, c and multi_class: see `fit_svm`; n_components: principal components
    kept, 0 for no projection; longest_px: larger images are shrunk to it, 0 for never;
    deskewed, spread_px, spread_strength: see `deskew`; copies: number of distorted
    copies of each training image near a margin.
    """

    descriptors: tuple[Descriptor, ...]
    encoder: Encoder
    kernel: Kernel
    c: float
    seed: int
    multi_class: str = "ovo"
    n_components: int = 0
    longest_px: int = 0
    deskewed: bool = False
    spread_px: float = 0.0
    spread_strength: float = 1.0
    copies: int = 0
    distortion: Distortion = field(default_factory=Distortion)

    def __post_init__(self) -> None:
        if not self.descriptors:
            raise BadInput(
                "a bag of visual words needs at least one patch size, found none"
            )

    @property
    def any_size(self) -> bool:
        """Whether images may differ in size."""
        return not self.deskewed and not self.copies

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Learn encoder, projection and SVM from n images and labels (n,)."""
        upright = self._upright(images)
        self.bag_ = self._learn_bag(upright)
        self.projection_ = self._learn_projection(upright)
        features = self._features(upright)
        if isinstance(self.bag_, HasParts) and len(self.descriptors) > 1:
            features = self._weigh_parts(self.bag_, features, labels)
        self.svm_ = fit_svm_cached(
            features, labels, self.kernel, self.c, self.multi_class
        )
        if self.copies:
            margins = self.svm_.margins(features, labels)
            copied, truth = self._hard_copies(stack_grey(images), margins, labels)
            self.svm_ = fit_svm_cached(
                np.concatenate([features, copied]),
                np.concatenate([labels, truth]),
                self.kernel,
                self.c,
                self.multi_class,
            )

    def _weigh_parts(
        self, bag: HasParts, features: FloatArray, labels: NDArray[np.int64]
    ) -> FloatArray:
        """Choose the weights of the bag's parts; features (n, d) -> weighted ones."""
        from visbase.pipeline.svm.part_weights import choose_part_weights

        with working("weights of the parts"):
            weights = choose_part_weights(features, bag.parts, labels, self.seed)
        self.bag_ = bag.weighted(weights)
        kept = np.repeat(weights, bag.parts)
        if not weights.all():
            features = features[:, kept > 0]
        features *= kept[kept > 0]  # in place: they may take gigabytes
        return features

    def _hard_copies(
        self, images: NDArray[np.uint8], margins: FloatArray, labels: NDArray[np.int64]
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Distort images, and keep the copies that are near a margin.

        images (n, h, w), margins (n,) and labels (n,) of the training set -> features
        (m, d) and labels (m,) of the copies.
        """
        rng = np.random.default_rng(self.seed)
        near = np.flatnonzero(margins < COPIED_MARGIN)
        kept, truth = [], []
        for _ in range(self.copies):
            copies = distort(images[near], self.distortion, rng)
            features = self._features(self._upright(copies))
            hard = self.svm_.margins(features, labels[near]) < KEPT_MARGIN
            kept.append(features[hard])
            truth.append(labels[near][hard])
        return np.concatenate(kept), np.concatenate(truth)

    def scores(self, images: Images) -> FloatArray:
        """Compute votes (one-vs-one) or decisions (one-vs-rest): n images -> (n, C)."""
        return self.svm_.scores(self._features(self._upright(images)))

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Predict the label with the highest score: n images -> (n,)."""
        return self.svm_.classes[self.scores(images).argmax(axis=1)]

    def show(self, images: Images) -> dict[str, NDArray[np.uint8]]:
        """Average the patches of the words of each dense grid: (m, side, side)."""
        if not isinstance(self.bag_, BagOfWords):
            return {}
        upright = self._upright(images)
        return {
            f"words{i}": mean_patches(upright, descriptor, vocabulary)
            for i, (descriptor, vocabulary) in enumerate(
                zip(self.bag_.descriptors, self.bag_.vocabularies, strict=True)
            )
            if isinstance(descriptor, DenseSift)
        }

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Evidence]:
        """Attribute the decision for a class against the runner-up to keypoints.

        -> the prepared image (deskewed, shrunk) and the evidence. It is exact for a
        linear kernel; otherwise it is the gradient of the decision at this image.
        """
        prepared = self._upright([image])[0]
        features = self._describe([prepared])
        winner, runner_up = two_best(self.svm_.scores(features)[0])
        weights = self.svm_.slope(features[0], winner, runner_up)
        if self.projection_ is not None:
            weights = self.projection_.components @ weights
        parts = self.bag_.contributions(prepared, weights)
        return prepared, Evidence(
            winner,
            runner_up,
            np.concatenate([keypoints.xy for keypoints, _ in parts]),
            np.concatenate([PATCH_BINS * keypoints.scale for keypoints, _ in parts]),
            np.concatenate([values for _, values in parts]),
        )

    def arrays(self) -> Arrays:
        """Return the arrays of the bag, the projection (if any) and the SVM."""
        parts = {"bag": self.bag_.arrays(), "svm": self.svm_.arrays()}
        if self.projection_ is not None:
            parts["projection"] = self.projection_.arrays()
        return join_parts(parts)

    def restore(self, arrays: Arrays) -> None:
        """Restore a fitted model from its `arrays`."""
        parts = split_parts(arrays, ("bag", "projection", "svm"))
        check_layout(parts["bag"], self.encoder.layout(self.descriptors))
        bag = self.encoder.bag(self.descriptors, parts["bag"])
        layout = {"mean": "float32 D", "components": "float32 D d"}
        sizes = check_layout(parts["projection"], layout if self.n_components else {})
        svm = restore_svm(self.kernel, self.multi_class, parts["svm"])
        lengths = (sizes.get("D", bag.n_features), svm.support.shape[1])
        expected = (bag.n_features, sizes.get("d", bag.n_features))
        if lengths != expected:
            raise BadInput(
                f"expected a projection and an SVM for vectors of lengths {expected}, "
                f"found {lengths}"
            )
        self.bag_, self.svm_ = bag, svm
        self.projection_ = (
            Projection(**parts["projection"]) if self.n_components else None
        )

    @property
    def n_parameters(self) -> int:
        """Count the numbers in bag, projection and SVM."""
        n = self.svm_.n_parameters + sum(a.size for a in self.bag_.arrays().values())
        if self.projection_ is not None:
            n += self.projection_.mean.size + self.projection_.components.size
        return n

    def _learn_bag(self, images: Images) -> Bag:
        key = {
            "images": images,
            "descriptors": self.descriptors,
            "encoder": self.encoder,
            "seed": self.seed,
        }

        def learn() -> Arrays:
            return self.encoder.learn(images, self.descriptors, self.seed, track)

        code = (self.encoder, *self.descriptors)
        learned = recall("vocabulary", key, learn, code)
        return self.encoder.bag(self.descriptors, learned)

    def _learn_projection(self, images: Images) -> Projection | None:
        if not self.n_components:
            return None
        rng = np.random.default_rng(self.seed)
        n = min(len(images), PROJECTION_IMAGES)
        sampled = choose(images, np.sort(rng.choice(len(images), n, replace=False)))

        def learn() -> Arrays:
            vectors = map_blocks(self.bag_.vectors, sampled, "histograms", track)
            with working("projection"):
                return fit_projection(vectors, self.n_components, self.seed).arrays()

        key = {"images": sampled, **self._bag_key(), "seed": self.seed}
        code = (*self._bag_code(), fit_projection)
        learned = recall(f"projection{self.n_components}", key, learn, code)
        return Projection(**learned)

    def _features(self, images: Images) -> FloatArray:
        """Compute features of prepared images (n, d); many are kept on disk."""

        def compute() -> Arrays:
            return {"features": map_blocks(self._describe, images, "features", track)}

        if len(images) < WORTH_KEEPING:
            features = compute()["features"]
        else:
            key, code = {"images": images, **self._bag_key()}, self._bag_code()
            if self.projection_ is not None:
                key["components"] = self.projection_.components
                code = (*code, self.projection_)
            features = recall("features", key, compute, code)["features"]
        n_empty = int(np.count_nonzero(~features.any(axis=1)))
        if n_empty:  # without a projection; a projected histogram is never all zero
            print(
                f"  {n_empty} of {len(features)} images have no keypoint; "
                "their vector is zero",
                file=sys.stderr,
            )
        return features

    def _bag_key(self) -> dict[str, object]:
        learned = self.bag_.arrays()
        return {"descriptors": self.descriptors, "encoder": self.encoder, **learned}

    def _bag_code(self) -> tuple[object, ...]:
        return (self.bag_, *self.descriptors)

    def _upright(self, images: Images) -> Images:
        if self.longest_px:
            images = within(images, self.longest_px)
        if not self.deskewed:
            return images
        return deskew(stack_grey(images), self.spread_px, self.spread_strength)

    def _describe(self, images: Images) -> FloatArray:
        vectors = self.bag_.vectors(images)
        if self.projection_ is None:
            return vectors
        return self.projection_.apply(vectors)
