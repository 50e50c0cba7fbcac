"""Weights of the parts of a vector: leave-one-out by refitting, and what is chosen."""

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.svm.part_weights import (
    RIDGE,
    choose_part_weights,
    leave_one_out_errors,
)

LABELS = np.repeat([3, 5, 8], 20)


def rows(informative: float, seed: int) -> NDArray[np.float32]:
    """Unit vectors (60, 10), noise with a share of the class's direction."""
    noise = np.random.default_rng(seed).normal(size=(60, 10))
    noise[np.arange(60), np.repeat([0, 1, 2], 20)] += informative
    unit = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return unit.astype(np.float32)


def test_leave_one_out_errors_are_those_of_refitting_without_each_image() -> None:
    features, wrong = rows(1.0, seed=0), 0
    products = (features @ features.T).astype(np.float64) + 1
    targets = np.where(LABELS[:, None] == np.unique(LABELS), 1.0, -1.0)
    for i in range(60):
        others = np.arange(60) != i
        kernel = products[np.ix_(others, others)] + RIDGE * np.eye(59)
        scores = products[i, others] @ np.linalg.solve(kernel, targets[others])
        wrong += scores.argmax() != targets[i].argmax()
    assert 5 < wrong < 50  # neither easy nor hopeless
    assert leave_one_out_errors(products.astype(np.float32) - 1, LABELS) == wrong


def test_a_part_that_helps_counts_and_one_of_noise_or_zeros_does_not() -> None:
    first, noise, helpful = rows(1.5, 1), rows(0.0, 2), rows(2.5, 3)
    features = np.hstack([first, noise, helpful, np.zeros_like(first)])
    weights = choose_part_weights(features, [10] * 4, LABELS, seed=0)
    assert weights[0] > 0
    assert weights[1] == 0
    assert weights[2] > 0.1
    assert weights[3] == 0
    assert np.sum(weights**2) == np.float32(1)
