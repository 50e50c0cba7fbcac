"""The SVM on pixels."""

import numpy as np

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.svm.kernel import Kernel
from visbase.pipeline.svm.pixel import PixelSVM


def test_brightness_does_not_matter_at_unit_length(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:300], mnist.train.labels[:300]
    machine = PixelSVM(Kernel("poly", 1.0, degree=4), 10.0, unit_length=True)
    machine.fit(images, labels)
    even = images & 0xFE  # so that halving loses nothing
    halved = machine.scores(even // 2)
    np.testing.assert_allclose(machine.scores(even), halved, atol=1e-4)
