"""Committee: several nets, each on digits normalised to another width, averaged.

After Ciresan et al. 2012, "Multi-column deep neural networks": their columns see digits
scaled to six widths, and the answer is the mean of all columns' probabilities. Here the
widths are spreads of the ink about its slanted axis (`pipeline.deskew`), and the nets
are the convolutional network of `convnet`. Its members on the digits as they are *are*
nets of the `convnet` row, so that they are trained once for both: committee s has those
of seeds 2 s and 2 s + 1.
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


MOST_PLAIN = 100  # nets, which are made before a model's arrays are looked at


@dataclass(frozen=True)
class Config:
    """Fixed before any committee was trained; width and epochs are convnet's."""

    n_plain: int = 2  # nets on the digits as they are
    spreads_px: tuple[float, ...] = (3.0, 3.6, 4.2)  # 0 would be upright, not scaled
    width: int = 32  # channels of the first pair of convolutions
    epochs: int = 11


PRESETS = {
    "full": Config(),
    "quick": Config(n_plain=1, spreads_px=(3.6,), width=16, epochs=1),
}


class Committee:
    """Members and the normalisation that each of them sees.

    members: (classifier, spread in pixels or None for the digits as they are).
    """

    def __init__(self, members: list[tuple[NetworkClassifier, float | None]]) -> None:
        if not members:
            raise BadInput("a committee needs a member: n_plain or a spread")
        self.members = members

    @property
    def device(self) -> str:
        """Where the members are trained."""
        return self.members[0][0].device

    @property
    def histories(self) -> list[list[Epoch]]:
        """Training histories, one per member."""
        return [history for member, _ in self.members for history in member.histories]

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """n images of one size, labels (n,)."""
        grey = stack_grey(images)
        for member, spread_px in self.members:
            member.fit(normalise(grey, spread_px), labels)

    def scores(self, images: Images) -> NDArray[np.float32]:
        """Logarithms of the members' mean probabilities, (n, C)."""
        grey = stack_grey(images)
        probabilities = [
            np.exp(member.scores(normalise(grey, spread_px)))
            for member, spread_px in self.members
        ]
        return np.log(np.mean(probabilities, axis=0) + 1e-30)

    def predict(self, images: Images) -> NDArray[np.int64]:
        """The likeliest class, (n,)."""
        return self.members[0][0].classes_[self.scores(images).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """Those of each member, counted from 0."""
        return join_parts(
            {f"{i}": member.arrays() for i, (member, _) in enumerate(self.members)}
        )

    def restore(self, arrays: Arrays) -> None:
        """Take the place of fit, from what `arrays` gave."""
        parts = split_parts(arrays, map(str, range(len(self.members))))
        for (member, _), part in zip(self.members, parts.values(), strict=True):
            member.restore(part)
        classes = [member.classes_ for member, _ in self.members]
        if any(not np.array_equal(one, classes[0]) for one in classes):
            raise BadInput("its members tell different classes apart")

    def show(self, images: Images) -> dict[str, NDArray[np.float16]]:
        """Kernels (n, h, w) of the first layer of the first member."""
        return self.members[0][0].show(images)

    @property
    def n_parameters(self) -> int:
        """Weights and biases of all members."""
        return sum(member.n_parameters for member, _ in self.members)


def normalise(grey: NDArray[np.uint8], spread_px: float | None) -> NDArray[np.uint8]:
    """What a member sees of images (n, h, w): all as it is where spread_px is None."""
    return grey if spread_px is None else deskew(grey, spread_px)


def build(config: Config, seed: int) -> Committee:
    settings = dataclasses.replace(
        convnet.PRESETS["full"], width=config.width, epochs=config.epochs
    )
    if config.n_plain > MOST_PLAIN:
        raise BadInput(f"n_plain is {config.n_plain:,}, expected at most {MOST_PLAIN}")
    # no member of two committees is the same net
    seeds = range(config.n_plain * seed, config.n_plain * (seed + 1))
    members: list[tuple[NetworkClassifier, float | None]] = [
        (convnet.build(settings, plain_seed), None) for plain_seed in seeds
    ]
    members += [
        (convnet.build(settings, 1000 + 100 * seed + i), spread_px)
        for i, spread_px in enumerate(config.spreads_px)
    ]
    return Committee(members)
