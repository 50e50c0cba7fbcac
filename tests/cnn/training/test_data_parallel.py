"""Two processes train one network: the same as one process with the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from visbase.cnn.classifier import NetworkClassifier
from visbase.cnn.lenet5 import network
from visbase.cnn.training import device
from visbase.cnn.training.augment import Distortion
from visbase.cnn.training.trainer import Recipe
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
N = 500  # the last batch of 128 is smaller


def lenet5() -> NetworkClassifier:
    return NetworkClassifier(
        lambda height, width, n_classes: network(height, width, n_classes, 0.0),
        # shares of 64 and 63 images; AdamW would divide rounding errors by small
        # gradients and so enlarge them
        Recipe(epochs=2, batch_size=127, optimiser="sgd", learning_rate=0.02),
        seed=0,
        augment=Distortion(),
    )


def train_and_save(folder: Path) -> None:
    """What each process does; the first one's scores are compared."""
    mnist = load_dataset("mnist")
    model = lenet5()
    model.fit(mnist.train.images[:N], mnist.train.labels[:N])
    np.save(
        folder / f"scores{os.environ.get('RANK', 0)}.npy",
        model.scores(mnist.test.images[:200]),
    )
    (folder / "device.txt").write_text(model.device, encoding="utf-8")


def in_two_processes(*command: str, artifacts: Path) -> None:
    env = os.environ | {
        "VISBASE_ARTIFACTS": str(artifacts),
        "VISBASE_RESULTS": str(artifacts / "results"),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run(
        [*TORCHRUN, "--nproc-per-node=2", *command],
        env=env,
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_two_processes_learn_what_one_learns(
    mnist: Dataset, fresh_folders: Path
) -> None:
    one = lenet5()
    one.fit(mnist.train.images[:N], mnist.train.labels[:N])
    in_two_processes(__file__, str(fresh_folders), artifacts=fresh_folders / "two")
    scores = [np.load(fresh_folders / f"scores{rank}.npy") for rank in (0, 1)]
    assert np.array_equal(scores[0], scores[1])
    expected = one.scores(mnist.test.images[:200])
    np.testing.assert_allclose(scores[0], expected, atol=1e-5)
    assert np.abs(expected).max() > 0.1
    assert (fresh_folders / "device.txt").read_text(encoding="utf-8") == "2 x cpu"


def test_one_of_two_processes_records_the_run(fresh_folders: Path) -> None:
    in_two_processes(
        *("--no-python", str(Path(sys.executable).with_name("visbase")), "run"),
        *("lenet5", "--preset", "quick", "--set", "epochs=1"),
        artifacts=fresh_folders,
    )
    (path,) = fresh_folders.rglob("seed0.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["device"] == "2 x cpu"
    assert record["n_correct"] > 8500
    assert len(record["histories"]) == 1


def test_device_that_is_not_there_is_refused_in_one_sentence(
    fresh_folders: Path,
) -> None:
    if torch.cuda.is_available():
        return
    done = subprocess.run(
        [sys.executable, "-m", "visbase", "run", "mlp2", "--device", "cuda"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "visbase: no device 'cuda' here; there is: cpu\n"


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("some", "WORLD_SIZE=some: expected the number of processes"),
        ("0", "WORLD_SIZE=0: expected the number of processes"),
        ("2", "WORLD_SIZE=2: the processes cannot meet"),  # nothing says which is this
    ],
)
def test_processes_that_torchrun_did_not_start_are_refused_in_one_sentence(
    size: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(BadInput, match=told) as refused:
        device.join_processes(torch.device("cpu"))
    assert "\n" not in str(refused.value)


def test_auto_is_the_processor_where_there_is_nothing_faster() -> None:
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert device.choose_device() == torch.device("cpu")


if __name__ == "__main__":
    train_and_save(Path(sys.argv[1]))
