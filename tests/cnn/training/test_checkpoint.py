"""A run that was killed continues, and ends as if it had not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.training import checkpoint, trainer
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.storage import spent

N = 300


def with_dropout_and_norm(height: int, width: int, n_classes: int) -> nn.Module:
    """A network with every kind of state: weights, buffers, random dropout.

    The second convolution's weights, channels last, lie in another order than their
    axes say; those of a single input channel do not.
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


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_after(monkeypatch: pytest.MonkeyPatch, n_epochs: int) -> None:
    """Let the trainer die once it has written the checkpoint of that epoch."""

    def write(path: Path, *state: object) -> None:
        checkpoint.write_checkpoint(path, *state)  # type: ignore[arg-type]
        if len(state[-1]) == n_epochs:  # type: ignore[arg-type]
            raise Killed

    monkeypatch.setattr(trainer, "write_checkpoint", write)


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
    changes: dict[str, object],
    mnist: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, labels = mnist.train.images[:N], mnist.train.labels[:N]
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / "undisturbed"))
    undisturbed = classifier(**changes)
    undisturbed.fit(images, labels)
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path / "killed"))
    with monkeypatch.context() as patch:
        kill_after(patch, 2)
        with pytest.raises(Killed):
            classifier(**changes).fit(images, labels)
    epochs = []
    write = checkpoint.write_checkpoint
    monkeypatch.setattr(
        trainer,
        "write_checkpoint",
        lambda *state: (epochs.append(len(state[-1])), write(*state)),
    )
    resumed = classifier(**changes)
    resumed.fit(images, labels)
    assert epochs == [3, 4]  # it did continue
    np.testing.assert_array_equal(resumed.scores(images), undisturbed.scores(images))
    for mine, theirs in zip(
        resumed.histories[0], undisturbed.histories[0], strict=True
    ):
        assert (mine.loss, mine.error_pct, mine.rate) == (
            theirs.loss,
            theirs.error_pct,
            theirs.rate,
        )


def test_run_killed_by_the_system_continues(mnist: Dataset, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "visbase", "run", "mlp3", "--preset", "quick"]
    outcomes = []
    for name in ("undisturbed", "killed"):
        here = {
            **os.environ,
            "VISBASE_ARTIFACTS": str(tmp_path / name),
            "VISBASE_RESULTS": str(tmp_path / name / "results"),
        }
        if name == "killed":
            process = subprocess.Popen(command, env=here, stderr=subprocess.DEVNULL)
            while not list((tmp_path / name).glob("cache/network-*.safetensors")):
                assert process.poll() is None
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        subprocess.run(command, env=here, check=True, capture_output=True)
        (predictions,) = (tmp_path / name).rglob("seed0.npy")
        outcomes.append(predictions.read_bytes())
        assert not list((tmp_path / name).rglob("*.part"))
    assert outcomes[0] == outcomes[1]


def test_trained_network_is_recalled_and_its_seconds_count(
    mnist: Dataset, fresh_folders: Path
) -> None:
    images, labels = mnist.train.images[:N], mnist.train.labels[:N]
    first = classifier()
    first.fit(images, labels)
    before = spent.recalled_s()
    again = classifier()
    again.fit(images, labels)
    assert spent.recalled_s() - before == pytest.approx(first.histories[0][-1].seconds)
    assert again.histories == first.histories
    np.testing.assert_array_equal(again.scores(images), first.scores(images))


def test_other_settings_or_data_train_a_network_of_their_own(
    mnist: Dataset, fresh_folders: Path
) -> None:
    images, labels = mnist.train.images[:N], mnist.train.labels[:N]
    classifier().fit(images, labels)
    classifier(learning_rate=2e-3).fit(images, labels)
    classifier().fit(images[: N - 1], labels[: N - 1])
    classifier().fit(images, labels[::-1].copy())
    assert len(checkpoints()) == 4


def test_finished_checkpoint_holds_weights_only(
    mnist: Dataset, fresh_folders: Path
) -> None:
    model = classifier()
    model.fit(mnist.train.images[:N], mnist.train.labels[:N])
    (path,) = checkpoints()
    from safetensors.torch import load_file

    stored = load_file(path)
    assert set(stored) == {f"network.{key}" for key in model.network_.state_dict()}


@pytest.mark.parametrize(
    "damage",
    ["flipped", "truncated", "empty", "pickle", "other network", "edited history"],
)
def test_damaged_checkpoint_is_told_and_trained_anew(
    damage: str,
    mnist: Dataset,
    fresh_folders: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images, labels = mnist.train.images[:N], mnist.train.labels[:N]
    model = classifier()
    model.fit(images, labels)
    expected = model.scores(images)
    (path,) = checkpoints()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-5] ^= 1
    elif damage == "truncated":
        del content[len(content) // 2 :]
    elif damage == "empty":
        content.clear()
    path.write_bytes(content)
    if damage == "pickle":
        torch.save({"network": model.network_.state_dict()}, path)
    elif damage == "other network":
        checkpoint.write_checkpoint(path, nn.Linear(3, 2), None, model.histories[0])
    elif damage == "edited history":
        assert content.count(b"seconds") > 0
        path.write_bytes(content.replace(b"seconds", b"sec0nds", 1))
    again = classifier()
    again.fit(images, labels)
    assert "is damaged" in capsys.readouterr().err
    np.testing.assert_array_equal(again.scores(images), expected)
