"""The SVM on pixels, and its second pass over shifted support vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.data import Dataset
from pipeline.images import pixel_rows
from pipeline.jitter import offsets_within, shift
from pipeline.kernel_svm import Kernel, fit_svm
from pipeline.pixel_svm import PixelSVM, Settings

QUARTIC = Kernel("poly", 1.0, degree=4)


def machine_of(**settings: Any) -> PixelSVM:
    return PixelSVM(Settings(QUARTIC, 10.0, **settings), seed=0)


@pytest.mark.usefixtures("fresh_folders")
def test_virtual_support_vectors_make_shifted_digits_readable(mnist: Dataset) -> None:
    train = mnist.train.images[:1000], mnist.train.labels[:1000]
    shifted = np.roll(mnist.test.images[:1000], 2, axis=2)  # margins of 4 are black
    errors = []
    for jitter_px in (0, 2):
        machine = machine_of(unit_length=True, jitter_px=jitter_px)
        machine.fit(*train)
        errors.append(np.mean(machine.predict(shifted) != mnist.test.labels[:1000]))
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.usefixtures("fresh_folders")
def test_second_pass_keeps_only_support_vectors_and_their_shifts(
    mnist: Dataset,
) -> None:
    images, labels = mnist.train.images[:400], mnist.train.labels[:400]
    first = machine_of()
    first.fit(images, labels)
    second = machine_of(jitter_px=1)
    second.fit(images, labels)
    for p in range(45):
        own = images[first.svm_.rows[first.svm_.coefficients[:, p] != 0]]
        steps = ((0, 0), *offsets_within(1))
        shifted = np.concatenate([shift(own, dx, dy) for dx, dy in steps])
        allowed = {row.tobytes() for row in pixel_rows(shifted)}
        used = second.svm_.support[second.svm_.coefficients[:, p] != 0]
        assert {row.tobytes() for row in used} <= allowed


@pytest.mark.usefixtures("fresh_folders")
def test_brightness_does_not_matter_at_unit_length(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:300], mnist.train.labels[:300]
    machine = machine_of(unit_length=True)
    machine.fit(images, labels)
    even = images & 0xFE  # so that halving loses nothing
    np.testing.assert_allclose(
        machine.scores(even), machine.scores(even // 2), atol=1e-4
    )


def test_row_that_takes_no_part_in_a_pair_has_no_weight_in_it(mnist: Dataset) -> None:
    pixels = pixel_rows(mnist.train.images[:300])
    labels = mnist.train.labels[:300]
    takes_part = np.random.default_rng(0).random((300, 45)) < 0.8
    machine = fit_svm(pixels, labels, QUARTIC, 1.0, takes_part)
    assert not machine.coefficients[~takes_part[machine.rows]].any()
    everyone = fit_svm(pixels, labels, QUARTIC, 1.0, np.ones((300, 45), bool))
    default = fit_svm(pixels, labels, QUARTIC, 1.0)
    np.testing.assert_array_equal(everyone.coefficients, default.coefficients)
