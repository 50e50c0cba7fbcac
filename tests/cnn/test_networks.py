"""Layers, parameters and shortcuts of the convolutional networks."""

from __future__ import annotations

import dataclasses
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from visbase.cnn import committee, convnet, lenet5, mlp2, mlp3, plain, resnet
from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.residual import Block, residual_network
from visbase.cnn.training.crops import PaddedCrops
from visbase.cnn.training.trainer import batch_sizes
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


@pytest.mark.parametrize("size", [(12, 12), (28, 28), (32, 32), (30, 45)])
def test_networks_take_other_image_sizes(size: tuple[int, int]) -> None:
    for network in (
        lenet5.network(*size, n_classes=3, dropout=0.0),
        convnet.network(*size, n_classes=3, config=convnet.Config()),
        residual_network(8, 4, shortcut=True, n_classes=3),
    ):
        assert network(torch.zeros(2, 1, *size)).shape == (2, 3)


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        *product((resnet, convnet), ("PRESETS", "OBJECTS")),
        (resnet, "PHOTOGRAPHS"),
    ],
)
def test_a_single_view_is_seen_where_views_are_not_averaged(
    method: Any, kind: str
) -> None:
    images = torch.zeros(1, 3, 112, 112)
    for averages in (True, False):
        config = getattr(method, kind)["full"]
        config = dataclasses.replace(config, average_views=averages)
        views = method.build(config, 0).views(images)
        assert (len(views) > 1) == averages


def icons(n: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).integers(0, 256, (n, height, width), np.uint8)
    return images, np.arange(n) % 2


@pytest.mark.parametrize(("size", "least"), [((8, 8), 12), ((3, 40), 12), ((4, 4), 5)])
def test_images_that_are_too_small_are_told_the_least_size(
    size: tuple[int, int], least: int, recwarn: pytest.WarningsRecorder
) -> None:
    method = find_method("resnet" if least == 5 else "lenet5")
    model = method.build(method.presets("digits")["quick"], 0)
    expected = f"{size[1]} x {size[0]} pixels are too small .* {least} x {least} pixels"
    with pytest.raises(BadInput, match=expected):
        model.fit(*icons(4, *size))
    assert not recwarn.list


def test_last_batch_of_one_image_joins_the_one_before(fresh_folders: Path) -> None:
    method = find_method("resnet")
    config = dataclasses.replace(
        method.presets("digits")["quick"], epochs=1, batch_size=4
    )
    model = method.build(config, 0)
    model.fit(*icons(9, 8, 8))  # a batch of one leaves nothing to normalise
    assert model.scores(icons(9, 8, 8)[0]).shape == (9, 2)


def test_batches_have_the_size_of_the_recipe_but_for_the_last() -> None:
    sizes = {n: batch_sizes(n, 4) for n in (1, 3, 4, 5, 8, 9, 10)}
    assert sizes == {
        **{1: [1], 3: [3], 4: [4], 5: [5], 8: [4, 4], 9: [4, 5], 10: [4, 4, 2]}
    }
    assert batch_sizes(3, 1) == [1, 1, 1]


def test_convnet_has_the_parameters_that_its_docstring_says() -> None:
    counts = parameters_by_layer(convnet.network(28, 28, 10, convnet.Config()))
    convolutions, norms = counts[0:-1:2], counts[1:-1:2]
    assert [sum(convolutions[i : i + 2]) for i in (0, 2, 4)] == [9_504, 55_296, 221_184]
    assert (sum(norms), counts[-1]) == (896, 11_530)
    assert f"{sum(counts):,}" in (convnet.__doc__ or "")


@pytest.mark.parametrize(
    ("method", "by_layer"),
    [
        # 6 (25 + 1); 16 (6 x 25 + 1); 120 (400 + 1); 84 (120 + 1); 10 (84 + 1)
        (lenet5, [156, 2_416, 48_120, 10_164, 850]),
        (mlp2, [628_000, 8_010]),
        (mlp3, [235_500, 30_100, 1_010]),
    ],
)
def test_other_networks_have_the_parameters_in_their_docstrings(
    method: Any, by_layer: list[int], mnist: Dataset
) -> None:
    model = method.build(dataclasses.replace(method.PRESETS["quick"], epochs=1), 0)
    model.fit(mnist.train.images[:200], mnist.train.labels[:200])
    assert parameters_by_layer(model.network_) == by_layer
    assert model.n_parameters == sum(by_layer)
    assert all(f"{count:,}" in method.__doc__ for count in (*by_layer, sum(by_layer)))


@pytest.mark.parametrize("depth", [8, 20, 44])
def test_plain_network_is_as_deep_and_large_as_with_shortcuts(depth: int) -> None:
    with_shortcuts, without = (residual_network(depth, 4, s, 10) for s in (True, False))
    layers = [m for m in without.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth
    assert parameters_by_layer(with_shortcuts) == parameters_by_layer(without)
    for other in (0, 2, depth - 1, depth + 1):
        with pytest.raises(BadInput, match="8, 14, 20"):
            residual_network(other, 4, shortcut=True, n_classes=10)
    assert plain.PRESETS is resnet.PRESETS  # so that only the shortcuts differ


def test_network_for_objects_is_the_one_of_the_paper() -> None:
    config = resnet.OBJECTS["full"]
    model = resnet.build(config, 0)
    network = model.make_network(32, 32, 10, 3)
    counts = parameters_by_layer(network)
    assert round(sum(counts) / 1e6, 2) == 0.27  # table 6 of He et al. 2016, ResNet-20
    assert counts[0] == 9 * 3 * 16
    assert network[:-3](torch.zeros(1, 3, 32, 32)).shape == (1, 64, 8, 8)
    for first_stride in (0, 3):
        with pytest.raises(BadInput, match="expected 1 or 2"):
            residual_network(8, 4, True, 10, first_stride=first_stride)


def test_network_for_photographs_has_the_parameters_of_its_four_stages() -> None:
    network = residual_network(10, 2, True, n_classes=5, channels=3, n_stages=4)
    # convolutions 9 c_in c_out without intercepts, each norm a scale and a shift
    maps = [2, 4, 8, 16]
    stages = [
        count
        for c_in, c_out in zip([2, *maps], maps, strict=False)
        for count in (9 * c_in * c_out, 2 * c_out, 9 * c_out * c_out, 2 * c_out)
    ]
    expected = [25 * 3 * 2, 2 * 2, *stages, 16 * 5 + 5]
    assert parameters_by_layer(network) == expected
    # 62 after the first convolution, 31 after the pooling, then 31, 16, 8 and 4
    assert network[:-3](torch.zeros(1, 3, 128, 128)).shape == (1, 16, 4, 4)
    for depth, n_stages, fault in ((12, 5, "expected 3 or 4"), (8, 4, "10, 18, 26")):
        with pytest.raises(BadInput, match=fault):
            residual_network(depth, 2, True, n_classes=5, n_stages=n_stages)


def test_shortcut_passes_its_input_on_around_convolutions_that_give_zero() -> None:
    x = torch.rand(2, 3, 6, 6)
    block, halving = Block(3, 3, 1, shortcut=True), Block(3, 5, 2, shortcut=True)
    for one in (block, halving):
        nn.init.zeros_(one.eval().convolution2.weight)
    torch.testing.assert_close(block(x), x)
    block.shortcut = False
    assert torch.equal(block(x), torch.zeros_like(x))
    y = halving(x)  # every second pixel, and zeros in the new channels
    torch.testing.assert_close(y[:, :3], x[:, :, ::2, ::2])
    assert not y[:, 3:].any()


def test_committee_answers_with_its_members_mean_probability(mnist: Dataset) -> None:
    config = committee.Config(n_plain=1, spreads_px=(0.0, 3.6), width=4, epochs=1)
    whole = committee.build(config, 0)
    whole.fit(mnist.train.images[:150], mnist.train.labels[:150])
    test = mnist.test.images[:20]
    seen = [committee.normalise(test, spread_px) for _, spread_px in whole.members]
    assert np.array_equal(seen[0], test)
    assert not np.array_equal(seen[1], seen[2])
    probabilities = [
        np.exp(member.scores(view))
        for (member, _), view in zip(whole.members, seen, strict=True)
    ]
    mean = np.mean(probabilities, axis=0)
    np.testing.assert_allclose(np.exp(whole.scores(test)), mean, atol=1e-6)
    assert len(whole.histories) == 3
    assert whole.n_parameters == 3 * whole.members[0][0].n_parameters


def test_no_two_members_of_two_committees_are_the_same_net() -> None:
    committees = [committee.build(committee.Config(), seed) for seed in range(5)]
    seeds = [member.seed for one in committees for member, _ in one.members]
    assert len(set(seeds)) == len(seeds)


def test_committee_of_too_many_members_is_refused_before_they_are_built() -> None:
    for name, value in {"n_plain": 10**9, "spreads_px": [3.0] * 101}.items():
        config = dataclasses.asdict(committee.PRESETS["quick"]) | {name: value}
        with pytest.raises(BadInput, match=rf"{name}.*at most 100"):
            committee.build(find_method("committee").config_from_json(config), 0)


def test_crops_larger_than_the_squares_that_they_are_from_are_refused() -> None:
    with pytest.raises(BadInput, match="crop_px=96: expected at most square_px, 64"):
        resnet.build(resnet.Config(crop_px=96, square_px=64), 0)


@pytest.mark.parametrize("name", ["resnet", "plain", "convnet", "lenet5_distorted"])
def test_objects_are_mirrored_whatever_their_size_and_digits_are_not(name: str) -> None:
    method = find_method(name)
    objects = method.build(method.presets("objects")["full"], 0)
    digits = method.build(method.presets("digits")["full"], 0)
    assert isinstance(objects, NetworkClassifier)
    assert isinstance(digits, NetworkClassifier)
    assert isinstance(objects.augment, PaddedCrops)
    assert not isinstance(digits.augment, PaddedCrops)
