"""Convolution, activation, padding, pooling and dropout, as in the lecture.

Each works on a single image, in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One computation: our result, the lecture's, and whether they agree."""

    topic: str
    what: str
    ours: str
    lecture: str
    agrees: bool
    comment: str = ""


def convolve(image: FloatArray, kernel: FloatArray) -> FloatArray:
    """Compute (x * k)_ij = sum_pq x_(i+p, j+q) k_pq, the lecture's formula.

    image (h, w), kernel (p, q) -> (h - p + 1, w - q + 1), without padding. The kernel
    is not flipped: what the field calls convolution is a correlation.
    """
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijpq,pq->ij", windows, kernel)


def sigmoid(values: FloatArray) -> FloatArray:
    """Compute 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-values))


def zero_pad(image: FloatArray, margin: int) -> FloatArray:
    """Surround an image by zeros, (h, w) -> (h + 2 margin, w + 2 margin)."""
    return np.pad(image, margin)


def max_pool(image: FloatArray, size: int) -> FloatArray:
    """Take the maximum of each size x size square, (h, w) -> (h / size, w / size)."""
    height, width = (side // size * size for side in image.shape)
    squares = image[:height, :width].reshape(height // size, size, width // size, size)
    return squares.max(axis=(1, 3))


def mean_with_dropout(
    value: float, keep: float, rng: np.random.Generator, draws: int
) -> float:
    """Average the output of a unit that is kept with probability `keep`."""
    return float((rng.random(draws) < keep).mean() * value)


def convolutions() -> list[Step]:
    """Compute the four outputs of the worked example."""
    image = np.array([[1, 0.5, 20], [0.25, 0, 0], [0, 0, 20]])
    shown = np.array([[1, 0.5], [0.25, 0]])
    used = np.array([[1, 0.2], [0.2, 0]])
    lecture = (1.15, 4.5, 0.25, 0.0)
    ours = convolve(image, used).ravel()
    as_shown = convolve(image, shown).ravel()
    comments = {
        0: "The lecture draws the kernel 1, 0.5, 0.25, 0 but calculates with 1, 0.2, "
        "0.2, 0, as we do here: 1 + 0.5 * 0.2 + 0.25 * 0.2. With the kernel as drawn: "
        f"{as_shown[0]:g}.",
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
    """Apply a diagonal detector to a drawn line, then the sigmoid."""
    kernel = np.array([[0, 0.5], [0.5, 0]])
    line = np.zeros((5, 5))
    line[[0, 1, 2, 3, 4], [2, 2, 2, 1, 0]] = 255
    response = convolve(line, kernel)
    printed = np.array([[0, 128, 128, 0], [0, 128, 128, 0], [0, 255, 0, 0]])
    printed = np.vstack([printed, [255, 0, 0, 0]])
    after = sigmoid(0.02 * response - 4)
    printed_after = np.where(printed == 255, 0.75, np.where(printed == 128, 0.19, 0.02))
    same = bool((np.abs(response - printed) <= 0.5).all())
    same_after = bool((np.abs(after - printed_after) <= 0.005 + 1e-9).all())
    return [
        Step(
            "convolution",
            "diagonal detector on the 5 x 5 image of a line",
            _grid(response),
            _grid(printed),
            same,
            "The lecture rounds 127.5 to 128. Another slide shows a 5 x 6 input with "
            "values of 0.5, which cannot give this output; the 5 x 5 input does.",
        ),
        Step(
            "activation",
            "sigm(0.02 x * k - 4) of that response",
            _grid(after, 2),
            _grid(printed_after, 2),
            same_after,
            ""
            if same_after
            else "The second value is "
            f"{float(sigmoid(np.array(0.02 * 127.5 - 4))):.4f} for 127.5 and "
            f"{float(sigmoid(np.array(0.02 * 128 - 4))):.4f} for the printed 128.",
        ),
    ]


def padding_and_pooling() -> list[Step]:
    """Compute what the lecture shows as pictures without numbers."""
    image = np.arange(16.0).reshape(4, 4)
    padded = convolve(zero_pad(np.ones((5, 5)), 1), np.ones((3, 3)))
    return [
        Step(
            "padding",
            "output side for a 5 x 5 image padded by 1 and a 3 x 3 kernel",
            str(len(padded)),
            "easier to control the size of the output",
            len(padded) == 5,
            "The lecture gives no number.",
        ),
        Step(
            "pooling",
            "2 x 2 max pooling of the numbers 0 to 15 in four rows",
            _grid(max_pool(image, 2)),
            "a picture without numbers",
            max_pool(image, 2).tolist() == [[5, 7], [13, 15]],
            "The lecture gives no number.",
        ),
    ]


def dropout() -> Step:
    """Compare the mean output in training with the scaled output at test time."""
    keep, value = 0.5, float(sigmoid(np.array(0.8)))
    mean = mean_with_dropout(value, keep, np.random.default_rng(0), 100_000)
    return Step(
        "dropout",
        f"mean output of a unit with value sigm(0.8) = {value:.4f}, kept with "
        "probability 0.5, over 100,000 draws",
        f"{mean:.3f}",
        f"alpha sigm(0.8) = {keep * value:.3f}",
        abs(mean - keep * value) < 0.005,
        "The lecture drops a unit with probability 1 - alpha and multiplies by alpha "
        "at test time. Our networks, like PyTorch, divide by alpha during training "
        "instead and change nothing at test time.",
    )


def _grid(values: FloatArray, decimals: int = 1) -> str:
    def cell(value: float) -> str:
        text = f"{value:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    return "; ".join(" ".join(cell(v) for v in row) for row in values)
