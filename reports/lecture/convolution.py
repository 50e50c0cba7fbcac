"""Convolution, activation, padding, pooling and dropout as the lecture shows them.

One computation at a time, on one image, in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One computation: what, our result, the lecture's figure, whether they agree."""

    topic: str
    what: str
    ours: str
    lecture: str
    agrees: bool
    comment: str = ""


def convolve(image: FloatArray, kernel: FloatArray) -> FloatArray:
    """(x * k)_ij = sum_pq x_(i+p, j+q) k_pq, the lecture's formula, without padding.

    image (h, w), kernel (p, q) -> (h - p + 1, w - q + 1). The kernel is not flipped:
    what the field calls convolution is a correlation.
    """
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijpq,pq->ij", windows, kernel)


def sigmoid(values: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-values))


def zero_pad(image: FloatArray, margin: int) -> FloatArray:
    """(h, w) -> (h + 2 margin, w + 2 margin), zeros around."""
    return np.pad(image, margin)


def max_pool(image: FloatArray, size: int) -> FloatArray:
    """Largest value of each size x size square, (h, w) -> (h / size, w / size)."""
    height, width = (side // size * size for side in image.shape)
    squares = image[:height, :width].reshape(height // size, size, width // size, size)
    return squares.max(axis=(1, 3))


def mean_with_dropout(
    value: float, keep: float, rng: np.random.Generator, draws: int
) -> float:
    """Mean output of a unit that is kept with probability `keep`, over many draws."""
    return float((rng.random(draws) < keep).mean() * value)


def convolutions() -> list[Step]:
    """The four outputs of the worked example."""
    image = np.array([[1, 0.5, 20], [0.25, 0, 0], [0, 0, 20]])
    shown = np.array([[1, 0.5], [0.25, 0]])
    used = np.array([[1, 0.2], [0.2, 0]])
    lecture = (1.15, 4.5, 0.25, 0.0)
    ours = convolve(image, used).ravel()
    as_shown = convolve(image, shown).ravel()
    comments = {
        0: "The lecture draws the kernel 1, 0.5, 0.25, 0 but calculates with 1, 0.2, "
        "0.2, 0; ours is with the latter. Its terms 0.5 * 0.2 + 0.25 * 0.2 are the "
        f"0.15 that it adds to 1. With the kernel as drawn: {as_shown[0]:g}.",
        1: f"With the kernel as drawn: {as_shown[1]:g}.",
        2: f"With the kernel as drawn: {as_shown[2]:g}.",
        3: f"With the kernel as drawn: {as_shown[3]:g}.",
    }
    return [
        Step(
            "convolution",
            f"output {i // 2 + 1}, {i % 2 + 1} of the worked example",
            f"{value:g}",
            f"{printed:g}",
            bool(np.isclose(value, printed)),
            comments[i],
        )
        for i, (value, printed) in enumerate(zip(ours, lecture, strict=True))
    ]


def activation() -> list[Step]:
    """A detector of diagonals and the sigmoid after it."""
    kernel = np.array([[0, 0.5], [0.5, 0]])
    line = np.zeros((5, 5))
    line[[0, 1, 2, 3, 4], [2, 2, 2, 1, 0]] = 255
    found = convolve(line, kernel)
    printed = np.array([[0, 128, 128, 0], [0, 128, 128, 0], [0, 255, 0, 0]])
    printed = np.vstack([printed, [255, 0, 0, 0]])
    after = sigmoid(0.02 * found - 4)
    printed_after = np.where(printed == 255, 0.75, np.where(printed == 128, 0.19, 0.02))
    same = bool((np.abs(found - printed) <= 0.5).all())
    same_after = bool((np.abs(after - printed_after) <= 0.005 + 1e-9).all())
    return [
        Step(
            "convolution",
            "diagonal detector on the 5 x 5 picture of a line",
            _grid(found),
            _grid(printed),
            same,
            "127.5 is printed as 128. Another slide shows the input 5 x 6 and "
            "with values of 0.5, which cannot give this output; the 5 x 5 one does.",
        ),
        Step(
            "activation",
            "sigm(0.02 x * k - 4) of it",
            _grid(after, 2),
            _grid(printed_after, 2),
            same_after,
            ""
            if same_after
            else "From 127.5 the second value is "
            f"{float(sigmoid(np.array(0.02 * 127.5 - 4))):.4f}, from the printed 128 "
            f"{float(sigmoid(np.array(0.02 * 128 - 4))):.4f}.",
        ),
    ]


def padding_and_pooling() -> list[Step]:
    """Figures that the lecture shows as pictures only."""
    image = np.arange(16.0).reshape(4, 4)
    padded = convolve(zero_pad(np.ones((5, 5)), 1), np.ones((3, 3)))
    return [
        Step(
            "padding",
            "side of a 5 x 5 image after a 3 x 3 kernel with one zero around",
            str(len(padded)),
            "easier to control the size of the output",
            len(padded) == 5,
            "The lecture gives no figure.",
        ),
        Step(
            "pooling",
            "2 x 2 maximum of 0 to 15 in rows of four",
            _grid(max_pool(image, 2)),
            "a picture without figures in the text",
            max_pool(image, 2).tolist() == [[5, 7], [13, 15]],
            "The lecture gives no figure.",
        ),
    ]


def dropout() -> Step:
    """The expected output at test time."""
    keep, value = 0.5, float(sigmoid(np.array(0.8)))
    mean = mean_with_dropout(value, keep, np.random.default_rng(0), 100_000)
    return Step(
        "dropout",
        f"mean output of a unit sigm(0.8) = {value:.4f} kept with probability 0.5, "
        "100,000 draws",
        f"{mean:.3f}",
        f"alpha sigm(0.8) = {keep * value:.3f}",
        abs(mean - keep * value) < 0.005,
        "The lecture turns a unit off with probability 1 - alpha and multiplies by "
        "alpha at test time. Our networks, as torch does, divide by alpha in training "
        "instead, which leaves the test alone.",
    )


def _grid(values: FloatArray, decimals: int = 1) -> str:
    def cell(value: float) -> str:
        text = f"{value:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    return "; ".join(" ".join(cell(v) for v in row) for row in values)
