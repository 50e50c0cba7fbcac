"""The depth experiment's table, from histories that were made up."""

import csv
import re

from visbase.cnn.inspection import depth as experiment
from visbase.cnn.inspection.depth import DEPTHS, NETS, SEEDS, Outcome
from visbase.cnn.training.checkpoint import Epoch


def made_up() -> dict[tuple[int, bool], Outcome]:
    """Plain nets get worse with depth, residual ones better; 2 epochs."""
    outcomes = {}
    for depth, shortcut in NETS:
        losses = (1.0, 1 / depth if shortcut else depth / 100)
        history = [Epoch(loss, 10 * loss, None, rate=0, seconds=1) for loss in losses]
        outcomes[depth, shortcut] = Outcome([history] * len(SEEDS), [1.0, 2.0, 3.0])
    return outcomes


def test_table_says_what_the_curves_say() -> None:
    text = experiment.to_markdown(made_up())
    assert "| 44 | no | 0.4400 | 4.40 | 2.00 ± 1.00 |" in text
    assert "| 44 | yes | 0.0227 | 0.23 | 2.00 ± 1.00 |" in text
    assert re.search(r"Without shortcuts, 44 .*higher.*0\.4400", text)
    assert re.search(r"With shortcuts, 44 .*lower.*0\.0227", text)


def test_every_epoch_of_every_run_is_kept() -> None:
    rows = list(csv.DictReader(experiment.csv_of(made_up()).splitlines()))
    assert len(rows) == len(NETS) * len(SEEDS) * 2
    last = {"depth": 44, "shortcuts": 1, "seed": SEEDS[-1], "epoch": 2}
    last |= {"loss": 1 / 44, "error_pct": 10 * (1 / 44)}
    assert rows[-1] == {name: str(value) for name, value in last.items()}


def test_picture_shows_plain_and_residual_nets_side_by_side() -> None:
    figure = experiment.draw(made_up())
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["without shortcuts", "with shortcuts"]
    assert all(len(axis.lines) == len(DEPTHS) for axis in figure.axes)
