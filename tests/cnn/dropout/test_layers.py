"""Dropout, stochastic pooling, maxout and limits on weights, by hand arithmetic."""

import itertools

import pytest
import torch
from torch import nn

from visbase.cnn.dropout.layers import (
    Constrained,
    Dropout,
    Maxout,
    StochasticPool2d,
)

KEPT = 0.75


def test_expected_output_under_dropout_is_the_output_at_test_time() -> None:
    x, weight = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([3.0, -1.0, 0.5])
    mean, mean_of_lecture = 0.0, 0.0
    for mask in itertools.product((0.0, 1.0), repeat=3):
        n_kept = int(sum(mask))
        probability = KEPT**n_kept * (1 - KEPT) ** (3 - n_kept)
        kept = float(weight @ (x * torch.tensor(mask)))
        mean_of_lecture += probability * kept  # whose training drops, and no more
        mean += probability * kept / KEPT
    layers = nn.Sequential(Dropout(1 - KEPT), nn.Linear(3, 1, bias=False))
    layers[1].weight.data = weight[None]
    at_test_time = layers.eval()(x[None]).item()
    assert at_test_time == pytest.approx(mean) == 3.0  # 3 - 2 + 2
    # the lecture's rule, all weights times the probability of keeping a unit
    layers[1].weight.data *= KEPT
    assert layers(x[None]).item() == pytest.approx(mean_of_lecture) == 0.75 * 3


def test_dropout_keeps_this_fraction_and_divides_by_it() -> None:
    torch.manual_seed(0)
    ones = torch.ones(5, 10, 20, 20)
    for x in (ones, ones.to(memory_format=torch.channels_last)):
        values = Dropout(1 - KEPT)(x)
        assert set(values.flatten().tolist()) == {0.0, float(torch.tensor(1 / KEPT))}
        assert float(values.mean()) == pytest.approx(1, abs=0.02)
        assert values.stride() == x.stride()


def test_fraction_that_is_dropped_is_kept_to_its_16_bits() -> None:
    torch.manual_seed(0)
    n = 4_000_000
    n_dropped = int((Dropout(0.1)(torch.ones(n)) == 0).sum())
    assert n_dropped == pytest.approx(0.1 * n, abs=4 * (n * 0.1 * 0.9) ** 0.5)


def test_nothing_is_dropped_at_test_time() -> None:
    x = torch.rand(3, 4)
    assert torch.equal(Dropout(0.5).eval()(x), x)


def test_stochastic_pooling_draws_activations_in_proportion_to_their_size() -> None:
    torch.manual_seed(0)
    x = torch.tensor([[1.0, 2.0], [0.0, 5.0]]).expand(4000, 1, 2, 2)
    drawn = StochasticPool2d(2)(x).flatten()
    shares = [float((drawn == value).float().mean()) for value in (0, 1, 2, 5)]
    assert shares[0] == 0
    assert shares[1:] == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.03)


def test_stochastic_pooling_at_test_time_is_the_mean_of_what_it_draws() -> None:
    x = torch.tensor([[1.0, 2.0], [0.0, 5.0]])[None, None]
    layer = StochasticPool2d(2)
    assert float(layer.eval()(x)) == pytest.approx((1 + 4 + 25) / 8)
    torch.manual_seed(0)
    mean = layer.train()(x.expand(4000, 1, 2, 2)).mean()
    assert float(mean) == pytest.approx(30 / 8, abs=0.1)


def test_stochastic_pooling_has_the_windows_of_max_pooling_and_keeps_zeros() -> None:
    x = torch.zeros(1, 2, 8, 8)
    x[0, 0, 3, 4] = 7.0  # alone in its windows: drawn with certainty
    expected = nn.MaxPool2d(3, 2, 1)(x)
    layer = StochasticPool2d(3)
    assert torch.equal(layer(x), expected)
    torch.testing.assert_close(layer.eval()(x), expected)


def test_stochastic_pooling_rectifies_what_it_pools() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 9, 9)
    for layer in (StochasticPool2d(3).eval(), StochasticPool2d(3)):
        torch.manual_seed(1)
        pooled = layer(x)
        torch.manual_seed(1)
        assert torch.equal(pooled, layer(x.relu()))
        assert (pooled == 0).any()


def test_gradient_of_stochastic_pooling_reaches_the_drawn_activation_alone() -> None:
    torch.manual_seed(0)
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]])[None, None].requires_grad_()
    drawn = StochasticPool2d(2)(x)
    drawn.sum().backward()
    assert torch.equal(x.grad, (x == drawn).float())


def test_maxout_is_the_largest_of_its_linear_pieces() -> None:
    x = torch.tensor([[1.0, 5.0, 3.0, -1.0, 0.0, -2.0]])
    assert Maxout(3)(x).tolist() == [[3.0, 5.0]]  # of 1, 3, 0 and of 5, -1, -2
    assert Maxout(2)(x).tolist() == [[1.0, 5.0, 3.0]]
    maps = x.view(1, 6, 1, 1).expand(1, 6, 2, 3)
    assert Maxout(3)(maps).tolist() == [[[[3.0] * 3] * 2, [[5.0] * 3] * 2]]


def test_weights_longer_than_the_limit_are_scaled_to_it_in_training_only() -> None:
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    network = Constrained([layer], max_norm=2.0)
    network.eval()(torch.zeros(1, 2))
    assert layer.weight[0].tolist() == [3.0, 4.0]
    network.train()(torch.zeros(1, 2))
    expected = torch.tensor([[1.2, 1.6], [0.3, 0.4]])
    torch.testing.assert_close(layer.weight.data, expected)


def test_cost_of_a_layer_adds_its_weights_to_their_gradient() -> None:
    layers = [nn.Linear(2, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False)]
    for layer, weights in ((layers[0], [[3.0, 4.0]]), (layers[2], [[2.0]])):
        layer.weight.data = torch.tensor(weights)
    network = Constrained(layers, max_norm=0, costs=(0.5, 0.25))
    network(torch.tensor([[10.0, 20.0]])).sum().backward()
    first, second = (layer.weight.grad.tolist() for layer in (layers[0], layers[2]))
    assert first == [[2 * 10 + 0.5 * 3, 2 * 20 + 0.5 * 4]]
    assert second == [[110 + 0.25 * 2]]


def test_checkpoints_of_other_constraints_are_not_taken() -> None:
    given = [(4.0, ()), (2.0, ()), (4.0, (0.5,))]
    texts = {str(Constrained([nn.Linear(2, 1)], *one)) for one in given}
    assert len(texts) == len(given)
