"""The rows of the dropout table are one network with other options."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from visbase.cnn.dropout import (
    cuda_convnet,
    cuda_convnet_dropout,
    cuda_convnet_dropout_fc,
    cuda_convnet_searched,
    cuda_convnet_stochastic,
    maxout,
    wide_cuda_convnet_dropout,
    wide_maxout,
)
from visbase.cnn.dropout.layers import Maxout, StochasticPool2d
from visbase.pipeline.errors import BadInput
from visbase.pipeline.models.methods import find_method


def made(method: Any, **changes: Any) -> nn.Sequential:
    config = dataclasses.replace(method.PRESETS["full"], **changes)
    with torch.device("meta"):
        return cuda_convnet.network(32, 32, 10, 3, config)


def kinds(network: nn.Sequential, kind: type[nn.Module]) -> list[Any]:
    return [module for module in network if isinstance(module, kind)]


def rates(network: nn.Sequential) -> list[float]:
    return [layer.p for layer in kinds(network, nn.Dropout)]


def test_network_has_the_parameters_that_its_docstring_says() -> None:
    network = made(cuda_convnet)
    counts = [
        sum(p.numel() for p in layer.parameters())
        for layer in kinds(network, nn.Conv2d) + kinds(network, nn.Linear)
    ]
    # 64 (75 + 1), 64 (1600 + 1), 128 (1600 + 1), 1024 (2048 + 1), 1024 (1024 + 1), ...
    assert counts == [4_864, 102_464, 204_928, 2_098_176, 1_049_600, 10_250]
    doc = cuda_convnet.__doc__ or ""
    assert all(f"{count:,}" in doc for count in (*counts, sum(counts)))


def test_rows_differ_in_what_they_name() -> None:
    assert rates(made(cuda_convnet)) == [0.0] * 6
    assert rates(made(cuda_convnet_dropout_fc)) == [0, 0, 0, 0, 0.5, 0.5]
    dropped = [0.1, 0.25, 0.25, 0.5, 0.5, 0.5]  # Srivastava et al. 2014 keep the rest
    assert rates(made(cuda_convnet_dropout)) == rates(made(maxout)) == dropped
    assert len(kinds(made(cuda_convnet_stochastic), StochasticPool2d)) == 3
    assert rates(made(cuda_convnet_stochastic)) == [0.0] * 6
    assert [m.pieces for m in kinds(made(maxout), Maxout)] == [2] * 5
    assert not kinds(made(maxout), nn.ReLU)


def test_pooling_before_rectification_gives_the_same_maps() -> None:
    x = torch.randn(2, 3, 8, 8)
    pool = nn.MaxPool2d(3, 2, 1)
    assert torch.equal(pool(x).relu(), pool(x.relu()))
    maps = torch.randn(2, 6, 8, 8)
    assert torch.equal(Maxout(2)(pool(maps)), pool(Maxout(2)(maps)))


def test_wide_rows_have_the_maps_units_and_pieces_of_the_papers() -> None:
    network = made(wide_cuda_convnet_dropout)
    sizes = [m.out_channels for m in kinds(network, nn.Conv2d)]
    sizes += [m.out_features for m in kinds(network, nn.Linear)]
    assert sizes == [96, 128, 256, 2048, 2048, 10]
    assert rates(network) == rates(made(cuda_convnet_dropout))
    network = made(wide_maxout)
    assert [m.out_channels for m in kinds(network, nn.Conv2d)] == [192, 384, 384]
    assert [m.out_features for m in kinds(network, nn.Linear)] == [2500, 10]


def test_search_draws_nine_settings_that_make_networks() -> None:
    for changes in cuda_convnet_searched.SEARCH:
        costs = changes["weight_costs"]
        assert len(changes) - 1 + len(costs) == 9
        network = made(cuda_convnet_searched, **changes)
        sizes = [layer.size for layer in kinds(network, nn.LocalResponseNorm)]
        assert sizes == [changes["response_px"]] * 2
    distinct = {str(changes) for changes in cuda_convnet_searched.SEARCH}
    assert len(distinct) == cuda_convnet_searched.N_TRIALS


@pytest.mark.parametrize("height", [28, 32])
def test_layers_fit_together_with_the_windows_of_the_maxout_paper(height: int) -> None:
    config = dataclasses.replace(
        maxout.Config(maps=(2, 3, 4), units=(5,), unit_pieces=5),
        kernel_px=(8, 8, 5),
        pool_px=(4, 4, 2),
    )
    network = cuda_convnet.network(height, 32, 7, 3, config)
    assert network(torch.zeros(2, 3, height, 32)).shape == (2, 7)


def test_settings_that_are_not_one_per_layer_are_refused() -> None:
    for changes, fault in (
        ({"map_dropout": (0.5,)}, r"map_dropout=\(0.5,\): expected 3 values"),
        ({"weight_costs": (0.1,)}, r"weight_costs.*expected 6 values"),
        ({"unit_dropout": 1.0}, "expected fractions from 0 to below 1"),
        ({"pooling": "mean"}, "expected max or stochastic"),
        ({"pooling": "stochastic", "pieces": 2}, "use max"),
    ):
        with pytest.raises(BadInput, match=fault):
            made(cuda_convnet, **changes)


def test_method_in_a_room_of_cnn_is_found_and_built() -> None:
    method = find_method("cuda_convnet_dropout")
    assert (method.family, method.kinds) == ("network", ("objects",))
    assert method.build(method.presets("objects")["quick"], 0).device
