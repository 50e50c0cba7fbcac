"""The lecture's computations: hand arithmetic, and the same from the real networks."""

from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from visbase.cnn import lenet5
from visbase.cnn.inspection import layers as explain
from visbase.reports.lecture import convolution as lecture
from visbase.reports.lecture import walk_through
from visbase.reports.lecture.networks import ALEXNET, LENET5, VGG16, Layer, trace


def test_every_computation_of_the_lecture_gives_its_number() -> None:
    steps = walk_through()
    assert [step for step in steps if not step.agrees] == []
    topics = Counter(step.topic for step in steps)
    expected = {"convolution", "activation", "padding", "pooling", "LeNet-5", "VGG"}
    assert {*topics} == expected | {"parameters", "receptive field", "dropout"}
    assert topics["VGG"] == 1 + 21 + 1


def test_worked_example_has_other_outputs_with_the_kernel_as_drawn() -> None:
    image = np.array([[1, 0.5, 20], [0.25, 0, 0], [0, 0, 20]])
    drawn = np.array([[1, 0.5], [0.25, 0]])
    # 1 + 0.25 + 0.0625; 0.5 + 10; 0.25; 0
    assert lecture.convolve(image, drawn).tolist() == [[1.3125, 10.5], [0.25, 0]]


def test_layers_compute_what_torch_computes() -> None:
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(7, 9)), rng.normal(size=(3, 2))
    x, k = (torch.from_numpy(values)[None, None] for values in (image, kernel))
    np.testing.assert_allclose(lecture.convolve(image, kernel), F.conv2d(x, k)[0, 0])
    np.testing.assert_allclose(lecture.max_pool(image, 2), F.max_pool2d(x, 2)[0, 0])
    np.testing.assert_allclose(lecture.sigmoid(image), torch.sigmoid(x)[0, 0])
    padded = lecture.convolve(lecture.zero_pad(image, 1), kernel)
    np.testing.assert_allclose(padded, F.conv2d(x, k, padding=1)[0, 0])


@pytest.mark.parametrize(
    ("layers", "maps", "side"), [(LENET5, 1, 32), (ALEXNET, 3, 227), (VGG16, 3, 224)]
)
def test_torch_builds_the_same(layers: tuple[Layer, ...], maps: int, side: int) -> None:
    with torch.device("meta"):  # shapes and sizes without the numbers
        x = torch.zeros(1, maps, side, side)
        for layer, traced in zip(layers, trace(layers, maps, side), strict=True):
            if layer.kind == "conv":
                shape = (layer.kernel, layer.stride, layer.padding, 1, layer.groups)
                module: nn.Module = nn.Conv2d(len(x[0]), layer.maps, *shape)
            elif layer.kind == "pool":
                module = nn.MaxPool2d(layer.kernel, layer.stride)
            else:
                x = x.flatten(1)
                module = nn.Linear(len(x[0]), layer.maps)
            x = module(x)
            assert traced.shape == (*x.shape[1:], 1, 1)[:3]
            sizes = [values.numel() for values in module.parameters()] or [0, 0]
            assert [traced.n_weights, traced.n_biases] == sizes


def test_lenet5_of_the_lecture_is_the_one_that_is_trained() -> None:
    network = lenet5.network(28, 28, 10, dropout=0.0)
    trained = [layer for layer, _ in explain.trace(network, torch.zeros(1, 1, 28, 28))]
    described = trace(LENET5, 1, 32)
    sizes = [traced.n_weights + traced.n_biases for traced in described]
    assert [layer.n_parameters for layer in trained] == sizes
    local = [layer.field_px for layer in trained if layer.field_px]
    assert local == [traced.field_px for traced in described][: len(local)]
    assert local == [5, 6, 14, 16]  # 5; 5 + 1; 6 + 4 x 2; 14 + 1 x 2


def test_dropout_scales_the_mean_output_by_the_keep_probability() -> None:
    mean = lecture.mean_with_dropout(2.0, 0.25, np.random.default_rng(1), 100_000)
    assert mean == pytest.approx(0.5, abs=0.01)
