"""A training step, and on a GPU its recorded form."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visbase.cnn.convnet import OBJECTS
from visbase.cnn.dropout.layers import Constrained
from visbase.cnn.training.optimiser import make_optimiser
from visbase.cnn.training.step import FIRST_STEPS, Step
from visbase.cnn.whitened import whitened_network

CPU = torch.device("cpu")
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def loss_sum(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits, targets, reduction="sum")


def test_step_counts_the_losses_and_errors_before_it_learns() -> None:
    network = nn.Linear(2, 2)
    nn.init.eye_(network.weight)
    nn.init.zeros_(network.bias)
    optimiser = make_optimiser(network, "sgd", 1.0, 0.0)
    step = Step(network, optimiser, loss_sum, CPU, bfloat16=False, replays=False)
    step.set_rate(0.5)
    batch = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    step(batch, torch.tensor([0, 1, 1]), weight=0.0)
    step(batch[:1], torch.tensor([0]), weight=0.5)
    small, large = F.softplus(torch.tensor([-2.0, 2.0])).tolist()
    assert float(step.loss_sum) == pytest.approx(3 * small + large)
    assert int(step.n_wrong) == 1
    # a bias moves against half the gradient of the second batch at half the rate
    share = float(torch.sigmoid(torch.tensor(-2.0)))
    expected = [share / 4, -share / 4]
    assert network.bias.tolist() == pytest.approx(expected)
    step.start_count()
    assert float(step.loss_sum) == int(step.n_wrong) == 0


def train_a_little(make: str, optimiser: str, replays: bool) -> tuple[Step, nn.Module]:
    """Fifteen steps on batches of two sizes, on the GPU."""
    device = torch.device("cuda")
    torch.manual_seed(0)
    if make == "whitened":
        network: nn.Module = whitened_network(8, 10, 3)
    else:
        layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.Flatten()]
        layers.append(nn.Linear(7200, 10))
        network = Constrained(layers, 0.8, (0.1, 0.1, 0.01))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = network.to(device).train()
    updates = make_optimiser(network, optimiser, 0.01, OBJECTS["full"].weight_decay)
    step = Step(network, updates, loss_sum, device, bfloat16=False, replays=replays)
    generator = torch.Generator().manual_seed(1)
    for i in range(15):
        n = 20 if i % 3 == 2 else 32
        batch = torch.randn(n, 3, 32, 32, generator=generator).to(device)
        step.set_rate(0.01 / (1 + i))
        targets = torch.randint(10, (n,), generator=generator).to(device)
        step(batch, targets, 1 / n)
    return step, network


@on_gpu
@pytest.mark.parametrize("make", ["whitened", "constrained"])
@pytest.mark.parametrize("optimiser", ["adamw", "sgd", "nesterov"])
def test_recorded_steps_learn_what_others_do(make: str, optimiser: str) -> None:
    recorded, network = train_a_little(make, optimiser, replays=True)
    assert recorded.recorded.keys() == {32, 20}, FIRST_STEPS
    usual, other = train_a_little(make, optimiser, replays=False)
    assert float(recorded.loss_sum) == pytest.approx(float(usual.loss_sum), rel=1e-3)
    assert abs(int(recorded.n_wrong) - int(usual.n_wrong)) <= 2
    for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
        difference = (ours - theirs).detach().norm() / theirs.detach().norm()
        assert float(difference) < 0.02


@on_gpu
def test_dropout_differs_from_one_recorded_step_to_the_next() -> None:
    device = torch.device("cuda")
    network = nn.Sequential(nn.Dropout(0.5), nn.Linear(1000, 2)).to(device)
    optimiser = make_optimiser(network, "sgd", 1e-9, 0.0)
    step = Step(network, optimiser, loss_sum, device, bfloat16=False, replays=True)
    batch = torch.ones(1, 1000, device=device)
    losses = []
    for _ in range(FIRST_STEPS + 4):
        step.start_count()
        step(batch, torch.zeros(1, dtype=torch.int64, device=device), 1.0)
        losses.append(float(step.loss_sum))
    assert len(set(losses)) == len(losses)
