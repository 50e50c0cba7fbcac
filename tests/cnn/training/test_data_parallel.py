"""Two processes train one network as one process does with the same batches."""

import dataclasses
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

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
# shares of 64 and 63 images; AdamW would divide rounding errors by small gradients and
# so enlarge them
SGD = Recipe(epochs=2, batch_size=127, optimiser="sgd", learning_rate=0.02)


def lenet5() -> NetworkClassifier:
    return NetworkClassifier(partial(network, dropout=0.0), SGD, 0, Distortion())


def train_and_run(folder: Path) -> None:
    """What each process does: train a network, then `visbase run` another one."""
    mnist = datasets.load_dataset("mnist")
    train = part(mnist.train, slice(0, N_TRAIN))
    test = part(mnist.test, slice(0, N_TEST))
    model = lenet5()
    model.fit(train.images, train.labels)
    np.save(folder / f"scores{os.environ['RANK']}.npy", model.scores(test.images))
    few = dataclasses.replace(mnist, train=train, test=test)
    datasets.load_dataset = lambda *_, **__: few
    arguments = ["run", "lenet5", "--preset", "quick", "--set", "epochs=4"]
    main(arguments, standalone_mode=False)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_one_of_them_records_it(
    tmp_path: Path, mnist: Dataset
) -> None:
    done = subprocess.run(
        [*TORCHRUN, "--nproc-per-node=2", __file__, str(tmp_path)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "VISBASE_ARTIFACTS": f"{tmp_path}/2"},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.rglob("seed0.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["device"] == "2 x cpu"
    assert record["n_correct"] > N_TEST / 2
    assert len(record["histories"]) == 1

    single = lenet5()
    single.fit(mnist.train.images[:N_TRAIN], mnist.train.labels[:N_TRAIN])
    expected = single.scores(mnist.test.images[:N_TEST])
    scores = [np.load(tmp_path / f"scores{rank}.npy") for rank in (0, 1)]
    assert np.array_equal(scores[0], scores[1])
    np.testing.assert_allclose(scores[0], expected, atol=1e-5)
    assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize("size", ["some", "0", "2"])
def test_processes_that_torchrun_did_not_start_are_refused_in_one_line(
    size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(BadInput, match=rf"\AWORLD_SIZE={size}: .*torchrun.*\Z"):
        device.join_processes(torch.device("cpu"))


if __name__ == "__main__":
    train_and_run(Path(sys.argv[1]))
