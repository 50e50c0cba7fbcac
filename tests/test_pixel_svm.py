"""The SVM on pixels, and its second pass over shifted support vectors."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data import Dataset
from pipeline.images import pixel_rows
from pipeline.kernel_svm import Kernel, fit_svm
from pipeline.pixel_svm import PixelSVM

QUARTIC = Kernel("poly", 1.0, degree=4)


@pytest.mark.usefixtures("fresh_folders")
def test_virtual_support_vectors_make_shifted_digits_readable(mnist: Dataset) -> None:
    train = mnist.train.images[:1000], mnist.train.labels[:1000]
    shifted = np.roll(mnist.test.images[:1000], 2, axis=2)  # margins of 4 are black
    errors = []
    for jitter_px in (0, 2):
        machine = PixelSVM(QUARTIC, 10.0, unit_length=True, jitter_px=jitter_px)
        machine.fit(*train)
        errors.append(np.mean(machine.predict(shifted) != mnist.test.labels[:1000]))
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.usefixtures("fresh_folders")
def test_second_pass_keeps_only_support_vectors_and_their_shifts(
    mnist: Dataset,
) -> None:
    images, labels = mnist.train.images[:400], mnist.train.labels[:400]
    plain = PixelSVM(QUARTIC, 10.0)
    plain.fit(images, labels)
    virtual = PixelSVM(QUARTIC, 10.0, jitter_px=1)
    virtual.fit(images, labels)
    allowed = 9 * len(plain.svm_.rows)  # each support vector and its 8 shifts
    assert virtual.svm_.rows.max() < allowed


@pytest.mark.usefixtures("fresh_folders")
def test_brightness_does_not_matter_at_unit_length(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:300], mnist.train.labels[:300]
    machine = PixelSVM(QUARTIC, 10.0, unit_length=True)
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
