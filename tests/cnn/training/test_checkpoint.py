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


def trained(
    images: np.ndarray, labels: np.ndarray, **changes: Any
) -> NetworkClassifier:
    recipe = Recipe(epochs=4, **changes)
    model = NetworkClassifier(with_dropout_and_norm, recipe, 0, Distortion())
    model.fit(images, labels)
    return model


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
    trained(train.images[:300], train.labels[:300])


def kill_in_process(digits: Digits, changes: dict[str, Any]) -> None:
    """Train until an exception, which stands for the end of the process."""

    class Killed(BaseException):
        pass

    def stop(n_epochs: int) -> None:
        if n_epochs == 2:
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(trainer, "write_checkpoint", after_each_write(stop))
        trained(*digits, **changes)


def kill_by_the_system(_digits: Digits, _changes: dict[str, Any]) -> None:
    program = f"from {__name__} import train_until_killed; train_until_killed()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    ("kill", "changes"),
    [
        (kill_by_the_system, {}),
        (kill_in_process, {"optimiser": "sgd", "learning_rate": 0.01}),
        (kill_in_process, {"schedule": "plateau", "patience": 1}),
    ],
    ids=["by the system", "sgd", "plateau"],
)
def test_killed_run_continues_and_ends_with_the_same_scores(
    kill: Callable[[Digits, dict[str, Any]], None],
    changes: dict[str, Any],
    digits: Digits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kill(digits, changes)
    epochs: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "write_checkpoint", after_each_write(epochs.append))
        resumed = trained(*digits, **changes)
    assert epochs == [3, 4]
    monkeypatch.setenv("VISBASE_ARTIFACTS", os.environ["VISBASE_ARTIFACTS"] + "-new")
    undisturbed = trained(*digits, **changes)
    (scores, history), (expected_scores, expected_history) = (
        (
            model.scores(digits[0]),
            [(epoch.loss, epoch.error_pct, epoch.rate) for epoch in model.histories[0]],
        )
        for model in (resumed, undisturbed)
    )
    np.testing.assert_array_equal(scores, expected_scores)
    assert history == expected_history


def test_trained_network_is_recalled_and_its_seconds_count(digits: Digits) -> None:
    first = trained(*digits)
    (path,) = checkpoints()
    weights = {f"network.{key}" for key in first.network_.state_dict()}
    assert set(load_file(path)) == weights  # and nothing of the optimiser
    before = spent.recalled_s()
    again = trained(*digits)
    assert spent.recalled_s() - before == pytest.approx(first.histories[0][-1].seconds)
    assert again.histories == first.histories
    np.testing.assert_array_equal(again.scores(digits[0]), first.scores(digits[0]))


def test_other_settings_or_data_train_another_network(digits: Digits) -> None:
    images, labels = digits
    trained(images, labels)
    trained(images, labels, learning_rate=2e-3)
    trained(images[:-1], labels[:-1])
    trained(images, labels[::-1].copy())
    assert len(checkpoints()) == 4


def pickled(content: bytes, model: NetworkClassifier) -> bytes:
    file = io.BytesIO()
    torch.save({"network": model.network_.state_dict()}, file)
    return file.getvalue()


def of_another_network(content: bytes, model: NetworkClassifier) -> bytes:
    (path,) = checkpoints()
    checkpoint.write_checkpoint(path, nn.Linear(3, 2), None, model.histories[0])
    return path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content, _: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
        lambda content, _: content[: len(content) // 2],
        lambda content, _: b"",
        lambda content, _: content.replace(b"seconds", b"sec0nds", 1),
        pickled,
        of_another_network,
    ],
    ids=["flipped", "truncated", "empty", "edited history", "pickle", "other network"],
)
def test_damaged_checkpoint_is_reported_and_trained_from_scratch(
    damage: Callable[[bytes, NetworkClassifier], bytes],
    digits: Digits,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = trained(*digits)
    (path,) = checkpoints()
    path.write_bytes(damage(path.read_bytes(), model))
    again = trained(*digits)
    reported = capsys.readouterr().err
    assert path.name in reported and "damaged" in reported
    np.testing.assert_array_equal(again.scores(digits[0]), model.scores(digits[0]))
