"""A run that was killed continues and ends with the same network."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training import checkpoint, trainer
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.storage import ROOT, spent

Digits = tuple[np.ndarray, np.ndarray]


def with_dropout_and_norm(
    height: int, width: int, n_classes: int, channels: int
) -> nn.Module:
    """A network with every kind of state: weights, buffers, random dropout.

    The weights of the second convolution are stored channels last, in another order
    than their axes; those of a single input channel are not.
    """
    rows, columns = ((side - 2) // 3 - 2 for side in (height, width))
    return nn.Sequential(
        nn.Conv2d(channels, 4, 5, stride=3),
        nn.Conv2d(4, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(5 * rows * columns, n_classes),
    )


def trained(digits: Digits, **changes: Any) -> NetworkClassifier:
    recipe = Recipe(epochs=4, **changes)
    model = NetworkClassifier(with_dropout_and_norm, recipe, 0, Distortion())
    model.fit(*digits)
    return model


def checkpoints() -> list[Path]:
    return list((Path(os.environ["VISBASE_ARTIFACTS"]) / "cache").glob("network-*"))


def after_each_write(action: Callable[[int], object]) -> Callable[..., None]:
    """`write_checkpoint`, followed by an action on the number of epochs written."""
    write = checkpoint.write_checkpoint

    def write_and_act(*state: Any) -> None:
        write(*state)
        action(len(state[-1]))

    return write_and_act


def train_until_killed(**changes: Any) -> None:
    """Train in this process, which kills itself after the second epoch."""

    def kill(n_epochs: int) -> None:
        if n_epochs == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    trainer.write_checkpoint = after_each_write(kill)  # type: ignore[assignment]
    train = load_dataset("mnist").train
    trained((train.images[:300], train.labels[:300]), **changes)


SGD = {"optimiser": "sgd", "learning_rate": 0.01, "schedule": "plateau", "patience": 1}


@pytest.mark.parametrize("changes", [{}, SGD], ids=["adamw in one cycle", "sgd"])
def test_killed_run_continues_and_ends_with_the_same_scores(
    changes: dict[str, Any], digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"from {__name__} import train_until_killed as train; train(**{changes})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    epochs: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "write_checkpoint", after_each_write(epochs.append))
        resumed = trained(digits, **changes)
    assert epochs == [3, 4]
    monkeypatch.setenv("VISBASE_ARTIFACTS", os.environ["VISBASE_ARTIFACTS"] + "-new")
    undisturbed = trained(digits, **changes)
    scores, expected = (model.scores(digits[0]) for model in (resumed, undisturbed))
    np.testing.assert_array_equal(scores, expected)
    history, expected_history = (
        [(epoch.loss, epoch.error_pct, epoch.rate) for epoch in model.histories[0]]
        for model in (resumed, undisturbed)
    )
    assert history == expected_history


def test_trained_network_is_recalled_and_its_seconds_count(digits: Digits) -> None:
    first = trained(digits)
    (path,) = checkpoints()
    weights = {f"network.{key}" for key in first.network_.state_dict()}
    assert set(load_file(path)) == weights  # and nothing of the optimiser
    before = spent.recalled_s()
    again = trained(digits)
    assert spent.recalled_s() - before == pytest.approx(first.histories[0][-1].seconds)
    assert again.histories == first.histories
    np.testing.assert_array_equal(again.scores(digits[0]), first.scores(digits[0]))


def test_other_settings_or_data_train_another_network(digits: Digits) -> None:
    images, labels = digits
    trained((images, labels))
    trained((images, labels), learning_rate=2e-3)
    trained((images[:-1], labels[:-1]))
    trained((images, labels[::-1].copy()))
    assert len(checkpoints()) == 4


def pickled(content: bytes) -> bytes:
    torch.save({"network": torch.zeros(3)}, file := io.BytesIO())
    return file.getvalue()


def of_another_network(content: bytes) -> bytes:
    (path,) = checkpoints()
    history = [checkpoint.Epoch(1.0, 9.0, None, rate=0.0, seconds=1.0)]
    checkpoint.write_checkpoint(path, nn.Linear(3, 2), None, history)
    return path.read_bytes()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "edited history": lambda content: content.replace(b"seconds", b"sec0nds", 1),
    "pickle": pickled,
    "other network": of_another_network,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_checkpoint_is_reported_and_trained_from_scratch(
    damage: Callable[[bytes], bytes], digits: Digits, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = trained(digits).scores(digits[0])
    (path,) = checkpoints()
    path.write_bytes(damage(path.read_bytes()))
    again = trained(digits)
    reported = capsys.readouterr().err
    assert path.name in reported and "damaged" in reported
    np.testing.assert_array_equal(again.scores(digits[0]), expected)
