"""The fast network for small objects, and the optimiser that it needs."""

from pathlib import Path

import pytest
import torch
from torch import nn

from visbase.cnn import convnet, whitened
from visbase.cnn.training.checkpoint import Epoch, read_checkpoint, write_checkpoint
from visbase.cnn.training.optimiser import SHIFT_RATE, make_optimiser
from visbase.cnn.training.views import mirrored_and_shifted_views
from visbase.cnn.whitened import Whitening2d, whitened_network


def test_learning_curves_of_objects_keep_the_recipe() -> None:
    assert convnet.candidates(100, convnet.OBJECTS["full"]) == ({},)
    more_epochs = {"epochs": round(11 * 600**0.3)}
    first, _ = convnet.candidates(100, convnet.PRESETS["full"])
    assert first == more_epochs


def test_network_has_the_parameters_that_its_docstring_says() -> None:
    network = whitened_network(64, 10, 3)
    counts = [
        sum(p.numel() for p in module.parameters())
        for module in network
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    assert counts == [312, 13_824, 36_864, 147_456, *3 * [589_824], 2_560]
    total = sum(p.numel() for p in network.parameters())
    documented = (*counts, total - sum(counts), total)
    assert all(f"{n:,}" in (whitened.__doc__ or "") for n in documented)
    assert convnet.OBJECTS["full"].width == 64
    assert network(torch.zeros(2, 3, 9, 9)).shape == (2, 10)


def test_whitened_patches_have_variance_one_and_do_not_correlate() -> None:
    torch.manual_seed(0)
    x = nn.functional.avg_pool2d(torch.randn(50, 3, 18, 18), 3, 1)  # neighbours alike
    layer = Whitening2d(3)
    with torch.no_grad():
        layer.bias.zero_()
        y = layer(x).transpose(0, 1).flatten(1)
    covariance = y[:12] @ y[:12].T / y.shape[1]
    # within 5 %: 5e-4 was added to the smallest variance, about 0.01
    torch.testing.assert_close(covariance, torch.eye(12), atol=0.05, rtol=0)
    torch.testing.assert_close(y[12:], -y[:12])


def test_whitening_is_learned_from_the_first_batch_only() -> None:
    torch.manual_seed(0)
    layer = Whitening2d(1)
    layer.eval()(torch.randn(4, 1, 5, 5))
    assert not layer.weight.any()  # a prediction teaches nothing
    layer.train()(torch.randn(4, 1, 5, 5))
    learned = layer.weight.clone()
    assert learned.any()
    resumed = Whitening2d(1)
    resumed.load_state_dict(layer.state_dict())
    for one in (layer, resumed):
        one(3 * torch.randn(4, 1, 5, 5))
        assert torch.equal(one.weight, learned)


def test_convolutions_begin_as_the_identity() -> None:
    network = whitened_network(8, 2, 1)
    x = torch.randn(1, 8, 6, 6)  # 8 maps of 2 x 2 patches, 8 of width 8
    torch.testing.assert_close(network[2](x), x)


def test_nesterov_steps_by_hand_and_shifts_have_a_rate_of_their_own() -> None:
    norm = nn.BatchNorm2d(1)
    optimiser = make_optimiser(norm, "nesterov", 0.1, decay=0.01)
    norm.weight.data.fill_(2.0)
    norm.bias.data.fill_(0.5)
    for group in optimiser.param_groups:
        group["lr"] = 0.1 * group["rate_factor"]
    for _ in range(2):
        norm.weight.grad, norm.bias.grad = torch.tensor([3.0]), torch.tensor([0.25])
        optimiser.step()
    # gradient with decay, velocity, weight; the first velocity is the first gradient
    g1 = 3 + 0.01 * 2
    w1 = 2 - 0.1 * (g1 + 0.85 * g1)
    g2 = 3 + 0.01 * w1
    v2 = 0.85 * g1 + g2
    assert norm.weight.item() == pytest.approx(w1 - 0.1 * (g2 + 0.85 * v2))
    rate, decay = 0.1 * SHIFT_RATE, 0.01 / SHIFT_RATE
    g1 = 0.25 + decay * 0.5
    b1 = 0.5 - rate * 1.85 * g1
    g2 = 0.25 + decay * b1
    expected = b1 - rate * (g2 + 0.85 * (0.85 * g1 + g2))
    assert norm.bias.item() == pytest.approx(expected, rel=1e-5)


def test_velocities_of_shifts_return_from_a_checkpoint(tmp_path: Path) -> None:
    def made() -> tuple[nn.Module, torch.optim.Optimizer]:
        network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 3))
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network, make_optimiser(network, "nesterov", 0.1, 0.0)

    network, optimiser = made()
    network(torch.randn(4, 3, 4, 4)).sum().backward()
    optimiser.step()
    write_checkpoint(tmp_path / "x", network, optimiser, [Epoch(1.0, 2.0, None, 3, 4)])
    again, resumed = made()
    assert read_checkpoint(tmp_path / "x", again, resumed)
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        velocity = resumed.state[other]["momentum_buffer"]
        assert torch.equal(velocity, optimiser.state[one]["momentum_buffer"])
        assert velocity.stride() == other.stride()  # laid out in memory alike


def test_views_are_shifted_by_a_pixel_and_mirrored() -> None:
    x = torch.arange(9.0).view(1, 1, 3, 3)
    views = mirrored_and_shifted_views(x)
    assert torch.equal(views[0], x)
    assert views[1][0, 0].tolist() == [[4, 5, 5], [7, 8, 8], [7, 8, 8]]
    assert views[2][0, 0].tolist() == [[0, 0, 1], [0, 0, 1], [3, 3, 4]]
    assert all(
        torch.equal(a.flip(3), b) for a, b in zip(views[:3], views[3:], strict=True)
    )


def test_objects_have_the_fast_network_and_digits_have_not() -> None:
    for presets, expected in ((convnet.OBJECTS, True), (convnet.PRESETS, False)):
        network = convnet.build(presets["quick"], 0).make_network(28, 28, 10, 1)
        assert isinstance(network[0], Whitening2d) == expected
