"""The lecture's computations: hand arithmetic, and the same from the real networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from visbase.cnn import lenet5
from visbase.cnn.inspection import layers as explain
from visbase.reports.lecture import walk_through
from visbase.reports.lecture.convolution import (
    convolve,
    max_pool,
    mean_with_dropout,
    sigmoid,
    zero_pad,
)
from visbase.reports.lecture.networks import (
    ALEXNET,
    LENET5,
    VGG16,
    Layer,
    Traced,
    trace,
)


def test_every_computation_gives_the_lectures_number() -> None:
    assert [step for step in walk_through() if not step.agrees] == []


def test_every_topic_of_the_lecture_is_there() -> None:
    topics = {"convolution", "activation", "padding", "pooling", "LeNet-5", "VGG"}
    topics |= {"parameters", "receptive field", "dropout"}
    steps = walk_through()
    assert {step.topic for step in steps} == topics
    assert sum(step.topic == "VGG" for step in steps) == 1 + 21 + 1


def test_worked_example_has_other_outputs_with_the_kernel_as_drawn() -> None:
    image = np.array([[1, 0.5, 20], [0.25, 0, 0], [0, 0, 20]])
    drawn = np.array([[1, 0.5], [0.25, 0]])
    # 1 + 0.25 + 0.0625; 0.5 + 10; 0.25; 0
    assert convolve(image, drawn).tolist() == [[1.3125, 10.5], [0.25, 0]]
    used = np.array([[1, 0.2], [0.2, 0]])
    # 1 + 0.1 + 0.05; 0.5 + 4; 0.25; 0
    assert convolve(image, used) == pytest.approx(np.array([[1.15, 4.5], [0.25, 0]]))


def test_layers_compute_what_torch_computes() -> None:
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(7, 9)), rng.normal(size=(3, 2))

    def torch_image(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values)[None, None]

    x, k = torch_image(image), torch_image(kernel)
    np.testing.assert_allclose(convolve(image, kernel), F.conv2d(x, k)[0, 0])
    np.testing.assert_allclose(max_pool(image, 2), F.max_pool2d(x, 2)[0, 0])
    np.testing.assert_allclose(sigmoid(image), torch.sigmoid(x)[0, 0])
    padded = convolve(zero_pad(image, 1), np.ones((3, 3)))
    ones = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    np.testing.assert_allclose(padded, F.conv2d(x, ones, padding=1)[0, 0])


def built(layers: tuple[Layer, ...], maps: int, side: int) -> nn.Sequential:
    """The described network in torch, without activations."""
    modules: list[nn.Module] = []
    for layer, traced in zip(layers, trace(layers, maps, side), strict=True):
        if layer.kind == "conv":
            shape = (layer.kernel, layer.stride, layer.padding)
            conv = nn.Conv2d(maps, layer.maps, *shape, groups=layer.groups)
            modules.append(conv)
        elif layer.kind == "pool":
            modules.append(nn.MaxPool2d(layer.kernel, layer.stride))
        else:
            modules.append(nn.LazyLinear(layer.maps))
        maps = traced.shape[0]
    first = [layer.kind for layer in layers].index("linear")
    return nn.Sequential(*modules[:first], nn.Flatten(), *modules[first:])


@pytest.mark.parametrize(
    ("layers", "maps", "side"),
    [(LENET5, 1, 32), (ALEXNET, 3, 227), (VGG16, 3, 224)],
    ids=["LeNet-5", "AlexNet", "VGG"],
)
def test_described_networks_are_what_torch_builds(
    layers: tuple[Layer, ...], maps: int, side: int
) -> None:
    shapes, sizes = [], []
    with torch.device("meta"):  # shapes and sizes without the numbers
        x = torch.zeros(1, maps, side, side)
        for module in built(layers, maps, side):
            x = module(x)
            if not isinstance(module, nn.Flatten):
                shapes.append(tuple(x.shape[1:]) if x.ndim == 4 else (x.shape[1], 1, 1))
                sizes.append([p.numel() for p in module.parameters()])
    described = trace(layers, maps, side)
    assert [traced.shape for traced in described] == shapes
    assert [parameters(traced) for traced in described] == sizes


def parameters(traced: Traced) -> list[int]:
    return [traced.n_weights, traced.n_biases] if traced.n_weights else []


def test_lenet5_of_the_lecture_is_the_one_that_is_trained() -> None:
    network = lenet5.network(28, 28, 10, dropout=0.0)
    trained = [layer for layer, _ in explain.trace(network, torch.zeros(1, 1, 28, 28))]
    described = trace(LENET5, 1, 32)
    assert [layer.n_parameters for layer in trained] == [
        sum(parameters(traced)) for traced in described
    ]
    local = [layer.field_px for layer in trained if layer.field_px]
    assert local == [traced.field_px for traced in described][: len(local)]
    assert local == [5, 6, 14, 16]  # 5; 5 + 1; 6 + 4 x 2; 14 + 1 x 2


def test_dropout_scales_the_mean_output_by_the_keep_probability() -> None:
    rng = np.random.default_rng(1)
    assert mean_with_dropout(2.0, 0.0, rng, 1000) == 0
    assert mean_with_dropout(2.0, 1.0, rng, 1000) == 2
    assert mean_with_dropout(2.0, 0.25, rng, 100_000) == pytest.approx(0.5, abs=0.01)
