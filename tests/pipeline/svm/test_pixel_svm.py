"""The SVM on pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.svm.kernel import Kernel
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
