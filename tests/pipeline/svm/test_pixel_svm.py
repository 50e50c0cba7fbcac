"""The SVM on pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.images.batches import pixel_rows
from visbase.pipeline.svm.kernel import Kernel, fit_svm
from visbase.pipeline.svm.pixel import PixelSVM

QUARTIC = Kernel("poly", 1.0, degree=4)


def machine_of(**settings: Any) -> PixelSVM:
    return PixelSVM(QUARTIC, 10.0, **settings)


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
    machine = fit_svm(pixels, labels, QUARTIC, 1.0, takes_part=takes_part)
    assert not machine.coefficients[~takes_part[machine.rows]].any()
    everyone = fit_svm(
        pixels, labels, QUARTIC, 1.0, takes_part=np.ones((300, 45), bool)
    )
    default = fit_svm(pixels, labels, QUARTIC, 1.0)
    np.testing.assert_array_equal(everyone.coefficients, default.coefficients)
