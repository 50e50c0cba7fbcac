"""What `make lecture` measures: gradients by layer, and single augmentations."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from visbase.cnn.inspection import gradients
from visbase.cnn.inspection.augmentation import NONE, PARTS, settings
from visbase.cnn.inspection.gradients import deep_network, gradient_norms
from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.experiments.measured.demonstrations import GradientNorm
from visbase.pipeline.storage.tables import read_rows, write_rows


def test_gradient_norms_of_two_layers_by_hand() -> None:
    first, second = nn.Linear(1, 1, bias=False), nn.Linear(1, 2, bias=False)
    nn.init.constant_(first.weight, 3.0)
    second.weight.data = torch.tensor([[2.0], [-1.0]])
    network = nn.Sequential(first, second)
    loss, norms = gradient_norms(network, torch.zeros(1, 1), torch.tensor([0]))
    assert loss == pytest.approx(np.log(2))  # both logits are 0
    # (1/2 - 1, 1/2) in the logits; 2 x -1/2 - 1 x 1/2 in the output of the first
    assert norms == pytest.approx([1.5, np.sqrt(0.5)])


def test_measuring_changes_neither_weights_nor_running_statistics() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    gradient_norms(network, torch.randn(4, 1, 3, 3), torch.tensor([0, 1, 1, 0]))
    after = network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_gradient_vanishes_without_shortcuts_and_not_with_them() -> None:
    images, targets = torch.randn(4, 1, 28, 28), torch.arange(4)
    first = {}
    for shortcuts in (False, True):
        torch.manual_seed(0)
        network = deep_network(shortcuts, normalised=False)
        first[shortcuts] = gradient_norms(network, images, targets)[1][0]
    assert first[False] < 1e-12 < 1e-4 < first[True]


def test_rows_have_every_layer_before_and_after_training(
    mnist: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gradients, "DEPTH", 8)
    digits = part(mnist.train, slice(0, 64))
    rows = [*gradients.measure(digits, True, False, 0, commit="0123456789")]
    layers = [(row.epoch, row.layer) for row in rows]
    assert layers == [(epoch, n) for epoch in (0, 2) for n in range(1, 9)]
    assert rows[0].loss != rows[-1].loss
    write_rows(tmp_path / "gradients.csv", GradientNorm, rows)
    assert read_rows(tmp_path / "gradients.csv", GradientNorm) == rows


def test_each_augmentation_is_alone_once_and_left_out_once() -> None:
    all_settings = settings()
    assert all_settings["none"] == NONE
    assert all_settings["shear"].shear == all_settings["all but shift"].shear > 0
    assert all_settings["shear"].rotation == all_settings["all but shift"].shift_px == 0
    assert not all_settings["all five"].flip and all_settings["mirroring"].flip
    assert len(all_settings) == 2 + 2 * len(PARTS) + 2
    assert len({*all_settings.values()}) == len(all_settings)
