"""Two processes train one network as one process does with the same batches."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.lenet5 import network
from visbase.cnn.training import device
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline import datasets
from visbase.pipeline.commands import main
from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.errors import BadInput

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")
N_TRAIN, N_TEST = 500, 200  # the last batch of 127 is smaller


def lenet5() -> NetworkClassifier:
    return NetworkClassifier(
        lambda height, width, n_classes: network(height, width, n_classes, 0.0),
        # shares of 64 and 63 images; AdamW would divide rounding errors by small
        # gradients and so enlarge them
        Recipe(epochs=2, batch_size=127, optimiser="sgd", learning_rate=0.02),
        seed=0,
        augment=Distortion(),
    )


def small(mnist: Dataset) -> Dataset:
    return dataclasses.replace(
        mnist,
        train=part(mnist.train, slice(0, N_TRAIN)),
        test=part(mnist.test, slice(0, N_TEST)),
    )


def train_and_run(folder: Path) -> None:
    """What each process does: train a network, then `visbase run` another one."""
    mnist = small(datasets.load_dataset("mnist"))
    model = lenet5()
    model.fit(mnist.train.images, mnist.train.labels)
    rank = os.environ["RANK"]
    np.save(folder / f"scores{rank}.npy", model.scores(mnist.test.images))
    datasets.load_dataset = lambda *_, **__: mnist
    arguments = ["run", "lenet5", "--preset", "quick", "--set", "epochs=4"]
    main(arguments, standalone_mode=False)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes under torchrun have filled, started only once."""
    folder = tmp_path_factory.mktemp("two")
    places = {
        "VISBASE_ARTIFACTS": str(folder / "artifacts"),
        "VISBASE_RESULTS": str(folder / "results"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [*TORCHRUN, "--nproc-per-node=2", __file__, str(folder)],
        env=os.environ | places,
        check=False,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_learn_what_one_learns(
    two_processes: Path, mnist: Dataset
) -> None:
    single = lenet5()
    single.fit(mnist.train.images[:N_TRAIN], mnist.train.labels[:N_TRAIN])
    expected = single.scores(mnist.test.images[:N_TEST])
    scores = [np.load(two_processes / f"scores{rank}.npy") for rank in (0, 1)]
    assert np.array_equal(scores[0], scores[1])
    np.testing.assert_allclose(scores[0], expected, atol=1e-5)
    assert np.abs(expected).max() > 0.1


def test_one_of_two_processes_records_the_run(two_processes: Path) -> None:
    (path,) = two_processes.rglob("seed0.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["device"] == "2 x cpu"
    assert record["n_correct"] > N_TEST / 2
    assert len(record["histories"]) == 1


def test_device_that_is_not_available_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VISBASE_DEVICE", "auto")  # put back after the command
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.choose_device() == torch.device("cpu")
    result = CliRunner().invoke(main, ["run", "mlp2", "--device", "cuda"])
    assert result.exit_code == 2
    assert "'cuda' is not available; choose from: cpu" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("size", ["some", "0", "2"])
def test_processes_that_torchrun_did_not_start_are_refused_in_one_line(
    size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(BadInput, match=rf"^WORLD_SIZE={size}: .*torchrun") as refused:
        device.join_processes(torch.device("cpu"))
    assert "\n" not in str(refused.value)


if __name__ == "__main__":
    train_and_run(Path(sys.argv[1]))
