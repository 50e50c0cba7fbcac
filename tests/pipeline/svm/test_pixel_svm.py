"""The SVM on pixels."""

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.images.batches import to_grey, to_rgb
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.svm.kernel import Kernel
from visbase.pipeline.svm.pixel import PixelSVM


def test_brightness_does_not_matter_at_unit_length(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:300], mnist.train.labels[:300]
    machine = PixelSVM(Kernel("poly", 1.0, degree=4), 10.0, unit_length=True)
    machine.fit(images, labels)
    even = images & 0xFE  # so that halving loses nothing
    halved = machine.scores(even // 2)
    np.testing.assert_allclose(machine.scores(even), halved, atol=1e-4)


@pytest.mark.parametrize("name", ["linear", "svm_rbf"])
def test_raw_pixels_tell_colours_of_one_grey_level(name: str) -> None:
    labels = np.arange(120) % 2
    noise = np.random.default_rng(0).integers(-20, 21, (120, 6, 6, 1))
    red_or_blue = np.array([(190, 80, 80), (100, 100, 193)])[labels][:, None, None]
    images = (red_or_blue + noise).astype(np.uint8)
    assert np.ptp(to_grey(images).mean(axis=(1, 2))) < 20
    method = find_method(name)
    model, other = (method.build(method.presets("objects")["full"], 0) for _ in "ab")
    model.fit(images[:80], labels[:80])
    assert (model.predict(images[80:]) == labels[80:]).all()
    other.restore(model.arrays())
    grey = to_grey(images)
    np.testing.assert_array_equal(other.scores(grey), model.scores(to_rgb(grey)))


@pytest.mark.parametrize("name", ["linear", "svm_rbf"])
def test_grey_images_with_three_channels_are_grey(name: str, mnist: Dataset) -> None:
    method = find_method(name)
    models = [method.build(method.presets("digits")["full"], 0) for _ in range(2)]
    grey, labels = mnist.train.images[:200], mnist.train.labels[:200]
    for model, images in zip(models, (grey, to_rgb(grey)), strict=True):
        model.fit(images, labels)
    np.testing.assert_array_equal(models[0].scores(grey), models[1].scores(grey))
    assert models[0].n_parameters == models[1].n_parameters
