"""Photographs that are decoded batch by batch teach what those in memory teach."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, get_ident

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from visbase.cnn.training.crops import Crops
from visbase.cnn.training.pixels import Pixels
from visbase.cnn.training.squares import Squares, ahead
from visbase.cnn.training.trainer import Recipe, log_probabilities, train
from visbase.cnn.training.views import Middle
from visbase.pipeline.contracts import Images
from visbase.pipeline.errors import BadInput

CPU = torch.device("cpu")
SIDE_PX = 20


def images(n: int = 30) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, SIDE_PX, SIDE_PX, 3), np.uint8)


def pick(photographs: Images, at: int) -> np.ndarray:
    return photographs[at]


def standardised(values: Tensor | Squares) -> Pixels:
    return Pixels(values, *(torch.full((3, 1, 1), 127.5) for _ in "md"))


@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
def test_training_on_squares_is_training_on_pixels(
    tmp_path: Path, schedule: str
) -> None:
    photographs = images()
    labels = torch.arange(30) % 3
    recipe = Recipe(epochs=2, batch_size=8, schedule=schedule)
    in_memory = torch.from_numpy(photographs).permute(0, 3, 1, 2)
    outcomes = []
    for values in (in_memory, Squares(photographs, pick, SIDE_PX, CPU)):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = nn.Sequential(
                nn.Conv2d(3, 4, 5, 3), nn.Flatten(), nn.LazyLinear(3)
            )
            network(torch.zeros(1, 3, 16, 16))
            pixels = standardised(values)
            place, views = tmp_path / type(values).__name__, Middle(16)
            crops = Crops(16, 0.5, 0.2)
            train(network, pixels, labels, recipe, crops, 0, place, views=views)
        outcomes.append(log_probabilities(network, pixels, views))
    assert torch.equal(*outcomes)


def test_process_decodes_its_share_of_a_training_batch_alone() -> None:
    decoded = []

    def note(photographs: Images, at: int) -> np.ndarray:
        decoded.append(at)
        return photographs[at]

    photographs = images(9)
    squares = Squares(photographs, note, SIDE_PX, CPU, slice(1, None, 2))
    batch = squares[torch.tensor([7, 0, 3, 5])]
    assert sorted(decoded) == [0, 5]
    assert batch.shape == (4, 3, SIDE_PX, SIDE_PX)
    assert not batch[::2].any()
    assert np.array_equal(batch[1].permute(1, 2, 0), photographs[0])
    assert squares[2:5][0].any()  # what is scored is decoded by all
    assert squares.shape == (9, 3, SIDE_PX, SIDE_PX)


def test_next_item_is_made_in_another_thread_meanwhile() -> None:
    made = [Event() for _ in range(4)]
    threads = []

    def items() -> Iterator[int]:
        for i in range(4):
            threads.append(get_ident())
            made[i].set()
            yield i

    for item in ahead(items()):
        assert item == 3 or made[item + 1].wait(10)
    assert get_ident() not in threads


def test_error_of_a_batch_reaches_the_training() -> None:
    def broken(_images: Images, _at: int) -> np.ndarray:
        raise BadInput("cannot be read")

    squares = Squares(images(3), broken, SIDE_PX, CPU)
    with pytest.raises(BadInput, match="cannot be read"):
        list(ahead(squares[i : i + 1] for i in range(3)))


def learn(folder: Path) -> None:
    """What each process does: train a network on photographs, keep its scores."""
    rank, n = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 5, 3), nn.Flatten(), nn.Linear(64, 3))
    network[0].requires_grad_(False)
    share = slice(rank, None, n)
    pixels = standardised(Squares(images(), pick, SIDE_PX, CPU, share))
    recipe = Recipe(epochs=2, batch_size=7, optimiser="sgd", schedule="plateau")
    views, crops = Middle(16), Crops(16, 0.5, 0.2)
    place, labels = folder / f"checkpoint{n}", torch.arange(30) % 3
    train(network, pixels, labels, recipe, crops, 0, place, views=views)
    np.save(folder / f"{n}-{rank}.npy", log_probabilities(network, pixels, views))


@pytest.mark.slow
def test_two_processes_learn_from_photographs_what_one_learns(tmp_path: Path) -> None:
    for launcher in ((), ("-m", "torch.distributed.run", "--nproc-per-node=2")):
        done = subprocess.run(
            [sys.executable, *launcher, __file__, str(tmp_path)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    one, *two = (np.load(tmp_path / f"{name}.npy") for name in ("1-0", "2-0", "2-1"))
    assert np.array_equal(*two)
    np.testing.assert_allclose(two[0], one, atol=1e-5)


if __name__ == "__main__":
    learn(Path(sys.argv[1]))
