"""What `make lecture` measures, a row per line of its tables."""

from __future__ import annotations

from visbase.pipeline.experiments.measured import Measured
from visbase.pipeline.storage.reading import Amount, Count, Positive
from visbase.pipeline.storage.tables import Row, Settings


class Patch(Row, frozen=True, kw_only=True):
    """A part of a test image that excites a neuron, rank 1 the most of all images.

    top, left: pixel of the image at which the patch begins, negative in the padding;
    field_px: its side, 0 for the whole image.
    """

    KEY = ("method", "layer", "neuron", "rank")
    method: str
    layer: Positive  # counted among those with weights
    kind: str  # such as "convolution 5 x 5"
    field_px: Count
    neuron: Count
    rank: Positive
    image: Count
    top: int
    left: int
    output: float  # of the neuron
    cpu: str
    n_cores: Positive
    commit: str


class GradientNorm(Row, frozen=True, kw_only=True):
    """Norm of the gradient of the mean loss in the outputs of one layer."""

    KEY = ("shortcuts", "normalised", "seed", "epoch", "layer")
    depth: Positive  # layers of the network
    shortcuts: Count  # 0: none
    normalised: Count  # whether it has batch normalisation
    seed: Count
    epoch: Count  # 0: before training
    layer: Positive
    norm: Amount
    loss: Amount  # of the training images whose gradient it is
    cpu: str
    n_cores: Positive
    commit: str


class AugmentationErrors(Measured, frozen=True, kw_only=True):
    """Validation errors after training on a few images with some augmentations."""

    KEY = ("augmentation", "seed")
    augmentation: str
    limits: Settings  # of the distortion
    seed: Count
    n_train: Positive
    n_errors: Count
    n_validation: Positive
    seconds: Amount  # to fit
    cpu: str
    n_cores: Positive
    commit: str
