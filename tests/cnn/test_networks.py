"""Layers, parameters and shortcuts of the convolutional networks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from visbase.cnn import committee, convnet, lenet5, mlp2, mlp3, plain, resnet
from visbase.cnn.residual import Block, residual_network
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.models.methods import find_method


def parameters_by_layer(network: nn.Module) -> list[int]:
    """Parameters of every layer that has some of its own."""
    counts = [
        sum(p.numel() for p in module.parameters(recurse=False))
        for module in network.modules()
    ]
    return [count for count in counts if count]


def test_lenet5_has_the_lectures_layers() -> None:
    network = lenet5.network(28, 28, 10, dropout=0.0)
    # 6 (25 + 1); 16 (6 x 25 + 1); 120 (400 + 1); 84 (120 + 1); 10 (84 + 1)
    assert parameters_by_layer(network) == [156, 2_416, 48_120, 10_164, 850]
    assert sum(parameters_by_layer(network)) == 61_706
    shapes = []
    x = torch.zeros(1, 1, 28, 28)
    for layer in network:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    assert network[0].padding == (2, 2)  # 28 + 2 + 2 = 32
    for shape in ((6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,)):
        assert shape in shapes
    assert shapes[-1] == (10,)


@pytest.mark.parametrize("size", [(12, 12), (28, 28), (32, 32), (30, 45)])
def test_networks_take_other_image_sizes(size: tuple[int, int]) -> None:
    batch = torch.zeros(2, 1, *size)
    for network in (
        lenet5.network(*size, n_classes=3, dropout=0.0),
        convnet.network(*size, n_classes=3, config=convnet.Config()),
        residual_network(8, 4, shortcut=True, n_classes=3),
    ):
        assert network(batch).shape == (2, 3)


def test_convnet_has_the_parameters_that_its_docstring_says() -> None:
    network = convnet.network(28, 28, 10, convnet.Config())
    counts = parameters_by_layer(network)
    norms = counts[1:-1:2]
    convolutions = counts[0:-1:2]
    assert [sum(convolutions[i : i + 2]) for i in (0, 2, 4)] == [9_504, 55_296, 221_184]
    assert counts[-1] == 11_530
    assert sum(norms) == 896
    assert f"{sum(counts):,}" in (convnet.__doc__ or "")


@pytest.mark.parametrize(
    ("method", "by_layer"),
    [(mlp2, [628_000, 8_010]), (mlp3, [235_500, 30_100, 1_010])],
)
def test_fully_connected_networks_have_the_parameters_in_their_docstrings(
    method: Any, by_layer: list[int], mnist: Dataset
) -> None:
    model = method.build(dataclasses.replace(method.PRESETS["quick"], epochs=1), 0)
    model.fit(mnist.train.images[:200], mnist.train.labels[:200])
    assert parameters_by_layer(model.network_) == by_layer
    assert model.n_parameters == sum(by_layer)
    assert all(f"{count:,}" in method.__doc__ for count in (*by_layer, sum(by_layer)))


@pytest.mark.parametrize("depth", [8, 20, 44])
def test_depth_counts_layers_with_weights_along_the_path(depth: int) -> None:
    for shortcut in (True, False):
        network = residual_network(depth, 4, shortcut, 10)
        layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        assert len(layers) == depth


def test_shortcuts_have_no_parameters() -> None:
    with_them, without = (
        parameters_by_layer(residual_network(20, 8, shortcut, 10))
        for shortcut in (True, False)
    )
    assert with_them == without


@pytest.mark.parametrize("depth", [0, 2, 9, 18])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(BadInput, match="8, 14, 20"):
        residual_network(depth, 4, shortcut=True, n_classes=10)


def test_block_whose_convolutions_give_zero_passes_its_input_on() -> None:
    x = torch.rand(2, 3, 6, 6)
    block = Block(3, 3, stride=1, shortcut=True).eval()
    nn.init.zeros_(block.convolution2.weight)
    torch.testing.assert_close(block(x), x)
    block.shortcut = False
    assert torch.equal(block(x), torch.zeros_like(x))


def test_shortcut_to_more_channels_takes_every_second_pixel_and_adds_zeros() -> None:
    x = torch.rand(2, 3, 6, 6)
    block = Block(3, 5, stride=2, shortcut=True).eval()
    nn.init.zeros_(block.convolution2.weight)
    y = block(x)
    torch.testing.assert_close(y[:, :3], x[:, :, ::2, ::2])
    assert not y[:, 3:].any()


def test_plain_and_resnet_share_their_settings() -> None:
    assert plain.PRESETS is resnet.PRESETS


def test_committee_answers_with_its_members_mean_probability(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:150], mnist.train.labels[:150]
    config = committee.Config(n_plain=1, spreads_px=(0.0, 3.6), width=4, epochs=1)
    whole = committee.build(config, 0)
    whole.fit(images, labels)
    test = mnist.test.images[:20]
    seen = [committee.normalise(test, spread_px) for _, spread_px in whole.members]
    assert np.array_equal(seen[0], test)
    assert not np.array_equal(seen[1], seen[2])
    probabilities = [
        np.exp(member.scores(view))
        for (member, _), view in zip(whole.members, seen, strict=True)
    ]
    expected = sum(probabilities) / 3
    np.testing.assert_allclose(np.exp(whole.scores(test)), expected, atol=1e-6)
    assert len(whole.histories) == 3
    assert whole.n_parameters == 3 * whole.members[0][0].n_parameters


def test_no_two_members_of_two_committees_are_the_same_net() -> None:
    seeds = [
        member.seed
        for seed in range(5)
        for member, _ in committee.build(committee.Config(), seed).members
    ]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize(
    "settings", [{"n_plain": 10**9}, {"spreads_px": [3.0] * 101}], ids=["n", "spreads"]
)
def test_committee_of_too_many_members_is_refused_before_they_are_built(
    settings: dict[str, object],
) -> None:
    config = dataclasses.asdict(committee.PRESETS["quick"]) | settings
    (name,) = settings
    with pytest.raises(BadInput, match=rf"{name}.*at most 100"):
        committee.build(find_method("committee").config_from_json(config), 0)
