"""The classical pipeline as one classifier: bag of visual words, then a kernel SVM.

    images -> (deskewed) -> vectors -> (projected) features -> SVM -> labels

This file joins the stages of `descriptors`, `encoding` and `svm`, and loads from the
cache what was computed before. The training set may be enlarged by virtual examples:
randomly distorted copies of the images (Simard et al. 2003) near a margin of a first
SVM, fitted without copies.
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
    Scorer,
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
from visbase.pipeline.images.distort import Distortion
from visbase.pipeline.progress import track, working
from visbase.pipeline.storage.cache import recall
from visbase.pipeline.storage.fitted import fit_svm_cached
from visbase.pipeline.svm.kernel import Kernel, KernelSVM, restore_svm

PROJECTION_IMAGES = 6000  # at most; the projection is fitted to their vectors
WORTH_KEEPING = 200  # features of at least this many images are kept on disk
PATCH_BINS = 4  # side of a patch in units of `Descriptors.scale`


@dataclass
class BovwSVM:
    """A bag-of-words classifier, a `contracts.Method`.

    descriptors: one per patch size; encoder: turns descriptors into one vector per
    image; kernel, c, multi_class, balanced: see `fit_svm`; n_components: principal
    components kept, 0 for no projection; longest_px: larger images are shrunk to it, 0
    for never; deskewed, spread_px, spread_strength: see `deskew`; copies: number of
    distorted copies of each training image near a margin.
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
    balanced: bool = False
    distortion: Distortion = field(default_factory=Distortion)

    def __post_init__(self) -> None:
        if not self.descriptors:
            raise BadInput("a bag of visual words needs a patch size, found none")

    @property
    def any_size(self) -> bool:
        """Whether images may differ in size."""
        return not self.deskewed and not self.copies

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Learn encoder, projection and SVM from n images and labels (n,)."""
        upright = self._upright(images)
        self.bag_ = self._learn_bag(upright)
        self.projection_ = self._learn_projection(upright)
        if isinstance(self.bag_, HasParts) and len(self.descriptors) > 1:
            features = self._weigh_parts(self.bag_, upright, labels)
        else:
            features = self._features(upright)
        _count_empty(features)
        self.svm_ = self._fit_svm(features, labels)
        if self.copies:
            from visbase.pipeline.svm.near_margin import with_copies

            training_set = (stack_grey(images), features, labels, self.features)
            how = (self.distortion, self.copies, self.seed)
            self.svm_ = self._fit_svm(*with_copies(self.svm_, *training_set, *how))

    def _fit_svm(self, features: FloatArray, labels: NDArray[np.int64]) -> KernelSVM:
        how = (self.kernel, self.c, self.multi_class, None, self.balanced)
        return fit_svm_cached(features, labels, *how)

    def _weigh_parts(
        self, bag: HasParts, images: Images, labels: NDArray[np.int64]
    ) -> FloatArray:
        """Choose the weights of the bag's parts, and compute the weighted features."""
        from visbase.pipeline.svm.part_weights import choose_part_weights

        described: list[FloatArray] = []

        def choose() -> Arrays:
            rows = map_blocks(self._describe, images, "features", track)
            described.append(rows)
            with working("weights of the parts"):
                chosen = choose_part_weights(rows, bag.parts, labels, self.seed)
            return {"weights": chosen}

        if len(images) < WORTH_KEEPING:
            weights = choose()["weights"]
        else:
            more = {"labels": labels, "seed": self.seed}
            code = (*self._bag_code(), choose_part_weights)
            key = {"images": images, **self._bag_key()}
            weights = recall("weights", key | more, choose, code)["weights"]
        self.bag_ = bag.weighted(weights)
        if not described:
            return self._features(images)
        factors, features = np.repeat(weights, bag.parts), described.pop()
        if not weights.all():
            features = features.compress(factors > 0, axis=1)  # rows stay contiguous
        features *= factors[factors > 0]  # in place: they may take gigabytes
        return self._features(images, features)

    def scores(self, images: Images) -> FloatArray:
        """Compute votes (one-vs-one) or decisions (one-vs-rest): n images -> (n, C)."""
        features = self.features(images)
        _count_empty(features)
        return self.scores_of(features)

    def features(self, images: Images) -> FloatArray:
        """Compute n images' vectors, projected if the model does so: (n, d)."""
        return self._features(self._upright(images))

    def scores_of(self, features: FloatArray) -> FloatArray:
        """Compute the `scores` (n, C) of images with features (n, d)."""
        return self.svm_.scores(features)

    def refit(self, features: FloatArray, labels: NDArray[np.int64]) -> Scorer:
        """Fit another SVM, without copies; see `contracts.Refits`."""
        return self._fit_svm(features, labels).scores

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
        size_px = np.array(prepared.shape[1::-1], np.float32)
        return prepared, Evidence(
            winner,
            runner_up,
            np.concatenate([keypoints.xy for keypoints, _ in parts]),
            np.concatenate([PATCH_BINS * k.scale[:, None] / size_px for k, _ in parts]),
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
        self.bag_, self.svm_, learned = bag, svm, parts["projection"]
        self.projection_ = Projection(**learned) if learned else None

    @property
    def n_parameters(self) -> int:
        """Count the numbers in bag, projection and SVM."""
        learned = [*self.bag_.arrays().values()]
        if self.projection_ is not None:
            learned += self.projection_.arrays().values()
        return self.svm_.n_parameters + sum(array.size for array in learned)

    def _learn_bag(self, images: Images) -> Bag:
        settings = {"descriptors": self.descriptors, "encoder": self.encoder}

        def learn() -> Arrays:
            return self.encoder.learn(images, self.descriptors, self.seed, track)

        key = {"images": images, **settings, "seed": self.seed}
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

    def _features(self, images: Images, rows: FloatArray | None = None) -> FloatArray:
        """Compute features of prepared images (n, d), if not given; many are kept."""

        def compute() -> Arrays:
            if rows is not None:
                return {"features": rows}
            return {"features": map_blocks(self._describe, images, "features", track)}

        if len(images) < WORTH_KEEPING:
            return compute()["features"]
        key, code = {"images": images, **self._bag_key()}, self._bag_code()
        if self.projection_ is not None:
            key["components"] = self.projection_.components
            code = (*code, self.projection_)
        return recall("features", key, compute, code)["features"]

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


def _count_empty(features: FloatArray) -> None:
    n_empty = int(np.count_nonzero(~features.any(axis=1)))
    if n_empty:  # without a projection; a projected histogram is never all zero
        counted = f"{n_empty} of {len(features)} images have no keypoint"
        print(f"  {counted}; their vector is zero", file=sys.stderr)
