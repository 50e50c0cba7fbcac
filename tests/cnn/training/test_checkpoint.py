"""A run that was killed continues and ends with the same network."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


def with_dropout_and_norm(height: int, width: int, n_classes: int) -> nn.Module:
    """A network with every kind of state: weights, buffers, random dropout.

    The weights of the second convolution are stored channels last, in another order
    than their axes; those of a single input channel are not.
    """
    rows, columns = ((side - 2) // 3 - 2 for side in (height, width))
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=3),
        nn.Conv2d(4, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(5 * rows * columns, n_classes),
    )


def classifier(**changes: object) -> NetworkClassifier:
    recipe = Recipe(epochs=4, **changes)  # type: ignore[arg-type]
    return NetworkClassifier(with_dropout_and_norm, recipe, 0, Distortion())


def checkpoints() -> list[Path]:
    return list((Path(os.environ["VISBASE_ARTIFACTS"]) / "cache").glob("network-*"))


def after_each_write(action: Callable[[int], object]) -> Callable[..., None]:
    """`write_checkpoint`, followed by an action on the number of epochs written."""
    write = checkpoint.write_checkpoint

    def write_and_act(*state: object) -> None:
        write(*state)  # type: ignore[arg-type]
        action(len(state[-1]))  # type: ignore[arg-type]

    return write_and_act


def train_until_killed() -> None:
    """Train in this process, which kills itself after the second epoch."""

    def kill(n_epochs: int) -> None:
        if n_epochs == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    trainer.write_checkpoint = after_each_write(kill)  # type: ignore[assignment]
    train = load_dataset("mnist").train
    classifier().fit(train.images[:300], train.labels[:300])


class Killed(BaseException):
    """Stands for the end of the process."""


def assert_continues(
    digits: Digits, monkeypatch: pytest.MonkeyPatch, **changes: object
) -> None:
    """Train from a checkpoint of two epochs, and again from scratch: the same."""
    epochs: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "write_checkpoint", after_each_write(epochs.append))
        resumed = classifier(**changes)
        resumed.fit(*digits)
    assert epochs == [3, 4]
    monkeypatch.setenv("VISBASE_ARTIFACTS", os.environ["VISBASE_ARTIFACTS"] + "-new")
    undisturbed = classifier(**changes)
    undisturbed.fit(*digits)
    np.testing.assert_array_equal(
        resumed.scores(digits[0]), undisturbed.scores(digits[0])
    )
    resumed_history, undisturbed_history = (
        [(epoch.loss, epoch.error_pct, epoch.rate) for epoch in model.histories[0]]
        for model in (resumed, undisturbed)
    )
    assert resumed_history == undisturbed_history


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimiser": "sgd", "learning_rate": 0.01},
        {"schedule": "plateau", "patience": 1},
    ],
    ids=str,
)
def test_resumed_run_ends_with_the_same_scores(
    changes: dict[str, object], digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(n_epochs: int) -> None:
        if n_epochs == 2:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(trainer, "write_checkpoint", after_each_write(stop))
        classifier(**changes).fit(*digits)
    assert_continues(digits, monkeypatch, **changes)


def test_run_killed_by_the_system_continues(
    digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"from {__name__} import train_until_killed; train_until_killed()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert_continues(digits, monkeypatch)


def test_trained_network_is_recalled_and_its_seconds_count(digits: Digits) -> None:
    first = classifier()
    first.fit(*digits)
    before = spent.recalled_s()
    again = classifier()
    again.fit(*digits)
    assert spent.recalled_s() - before == pytest.approx(first.histories[0][-1].seconds)
    assert again.histories == first.histories
    np.testing.assert_array_equal(again.scores(digits[0]), first.scores(digits[0]))


def test_other_settings_or_data_train_another_network(digits: Digits) -> None:
    images, labels = digits
    classifier().fit(images, labels)
    classifier(learning_rate=2e-3).fit(images, labels)
    classifier().fit(images[:-1], labels[:-1])
    classifier().fit(images, labels[::-1].copy())
    assert len(checkpoints()) == 4


def test_finished_checkpoint_holds_weights_only(digits: Digits) -> None:
    model = classifier()
    model.fit(*digits)
    (path,) = checkpoints()
    expected = {f"network.{key}" for key in model.network_.state_dict()}
    assert set(load_file(path)) == expected


def pickled(path: Path, model: NetworkClassifier) -> None:
    torch.save({"network": model.network_.state_dict()}, path)


def of_another_network(path: Path, model: NetworkClassifier) -> None:
    checkpoint.write_checkpoint(path, nn.Linear(3, 2), None, model.histories[0])


def changed(
    change: Callable[[bytes], bytes],
) -> Callable[[Path, NetworkClassifier], object]:
    return lambda path, _model: path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    "damage",
    [
        changed(lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]),
        changed(lambda content: content[: len(content) // 2]),
        changed(lambda content: b""),
        changed(lambda content: content.replace(b"seconds", b"sec0nds", 1)),
        pickled,
        of_another_network,
    ],
    ids=["flipped", "truncated", "empty", "edited history", "pickle", "other network"],
)
def test_damaged_checkpoint_is_reported_and_trained_from_scratch(
    damage: Callable[[Path, NetworkClassifier], object],
    digits: Digits,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = classifier()
    model.fit(*digits)
    expected = model.scores(digits[0])
    (path,) = checkpoints()
    damage(path, model)
    again = classifier()
    again.fit(*digits)
    assert f"{path.name} is damaged" in capsys.readouterr().err
    np.testing.assert_array_equal(again.scores(digits[0]), expected)
