"""Committee: the mean of several networks that see digits of different widths.

After Ciresan et al. 2012, "Multi-column deep neural networks": their columns see digits
scaled to six widths, and the prediction comes from the mean of all columns'
probabilities. Here the widths are spreads of the ink about its slanted axis
(`pipeline.images.deskew`), and every member is a `convnet`. Members that see unscaled
digits are the very networks of the method `convnet`, trained once for both: committee s
has `convnet`'s seeds 2 s and 2 s + 1.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbase.cnn import convnet
from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training.checkpoint import Epoch
from visbase.pipeline.contracts import Arrays, Images, join_parts, split_parts
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import stack_grey
from visbase.pipeline.images.deskew import deskew

SUMMARY = "committee of 5 convolutional networks, distorted digits of several widths"
FOR = ("digits",)  # it deskews

MAX_PLAIN = 100  # a model file names n_plain; its networks are built before any check


@dataclass(frozen=True)
class Config:
    """Fixed before any committee was trained; width and epochs as in convnet."""

    n_plain: int = 2  # members that see unscaled digits
    spreads_px: tuple[float, ...] = (3.0, 3.6, 4.2)  # 0 would deskew only
    width: int = 32  # channels of the first pair of convolutions
    epochs: int = 11


PRESETS = {
    "full": Config(),
    "quick": Config(n_plain=1, spreads_px=(3.6,), width=16, epochs=1),
}


class Committee:
    """Averages the probabilities of its members.

    members: (classifier, spread of its digits in pixels, or None for unscaled digits).
    """

    def __init__(self, members: list[tuple[NetworkClassifier, float | None]]) -> None:
        if not members:
            raise BadInput(
                "a committee needs at least one member; set n_plain or spreads_px"
            )
        self.members = members

    @property
    def device(self) -> str:
        """The device that trains the members."""
        return self.members[0][0].device

    @property
    def histories(self) -> list[list[Epoch]]:
        """Training histories, one per member."""
        return [history for member, _ in self.members for history in member.histories]

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Train every member on n images of one size with labels (n,)."""
        for member, spread_px in self.members:
            member.fit(normalise(images, spread_px), labels)

    def scores(self, images: Images) -> NDArray[np.float32]:
        """Log of the members' mean probabilities, (n, C)."""
        probabilities = [
            np.exp(member.scores(normalise(images, spread_px)))
            for member, spread_px in self.members
        ]
        return np.log(np.mean(probabilities, axis=0) + 1e-30)

    def predict(self, images: Images) -> NDArray[np.int64]:
        """The most probable label of each image, (n,)."""
        return self.members[0][0].classes_[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """The arrays of every member, prefixed with its number from 0."""
        return join_parts(
            {f"{i}": member.arrays() for i, (member, _) in enumerate(self.members)}
        )

    def restore(self, arrays: Arrays) -> None:
        """Take the place of fit, given what `arrays` returned."""
        parts = split_parts(arrays, map(str, range(len(self.members))))
        for (member, _), part in zip(self.members, parts.values(), strict=True):
            member.restore(part)
        classes = [member.classes_ for member, _ in self.members]
        if any(not np.array_equal(labels, classes[0]) for labels in classes):
            raise BadInput("the members of the committee have different classes")

    def show(self, images: Images) -> dict[str, NDArray[np.float16]]:
        """Kernels (n, h, w) of the first member's first layer."""
        return self.members[0][0].show(images)

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases of all members."""
        return sum(member.n_parameters for member, _ in self.members)


def normalise(images: Images, spread_px: float | None) -> Images:
    """Images in grey, deskewed and scaled to a spread; unchanged if it is None."""
    return images if spread_px is None else deskew(stack_grey(images), spread_px)


def build(config: Config, seed: int) -> Committee:
    settings = dataclasses.replace(
        convnet.PRESETS["full"], width=config.width, epochs=config.epochs
    )
    if config.n_plain > MAX_PLAIN:
        raise BadInput(f"n_plain={config.n_plain:,}: expected at most {MAX_PLAIN}")
    # committees of different seeds share no network
    seeds = range(config.n_plain * seed, config.n_plain * (seed + 1))
    members: list[tuple[NetworkClassifier, float | None]] = [
        (convnet.build(settings, plain_seed), None) for plain_seed in seeds
    ]
    members += [
        (convnet.build(settings, 1000 + 100 * seed + i), spread_px)
        for i, spread_px in enumerate(config.spreads_px)
    ]
    return Committee(members)
