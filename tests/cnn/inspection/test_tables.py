"""The committed tables of layers are those of the networks."""

import pytest

from visbase.cnn.imagenet import find_networks
from visbase.cnn.inspection.tables import (
    DRAWN,
    FOLDER,
    LAYERS,
    imagenet_rows,
    imagenet_summary,
    layer_rows,
    networks,
)
from visbase.pipeline.experiments.measured import (
    ImageNetNetwork,
    NetworkLayer,
    read_measurements,
)
from visbase.pipeline.storage.tables import read_rows

IMAGENET = find_networks()


def test_committed_tables_are_those_of_the_networks() -> None:
    for method in networks():
        committed = read_measurements(FOLDER / f"{method.name}.csv", NetworkLayer)
        assert committed == layer_rows(method), (
            f"{method.name} has changed; run `python -m visbase.cnn.inspection.tables`"
        )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if "resnet1" in name else ())
        for name in IMAGENET
    ],
)
def test_committed_tables_for_imagenet_are_those_of_the_networks(name: str) -> None:
    rows = read_rows(LAYERS / "imagenet.csv", ImageNetNetwork)
    assert [row.network for row in rows] == [*IMAGENET]
    assert imagenet_summary(name, IMAGENET[name]) in rows
    if name in DRAWN:
        table = LAYERS / "imagenet" / f"{name}.csv"
        committed = read_measurements(table, NetworkLayer)
        assert committed == imagenet_rows(name, IMAGENET[name])


def test_shapes_and_parameters_of_lenet5_are_those_of_the_lecture() -> None:
    rows = read_measurements(FOLDER / "lenet5.csv", NetworkLayer)
    assert [(row.maps, row.height, row.n_parameters) for row in rows[1:]] == [
        *[(6, 28, 156), (6, 14, 0), (16, 10, 2_416), (16, 5, 0)],
        *[(120, 1, 48_120), (84, 1, 10_164), (10, 1, 850)],
    ]


def test_shortcuts_end_at_the_second_convolution_of_each_block() -> None:
    tables = {
        name: read_measurements(FOLDER / f"{name}.csv", NetworkLayer)
        for name in ("resnet", "plain")
    }
    ends = {
        name: [r.number for r in rows if r.shortcut] for name, rows in tables.items()
    }
    assert ends == {"resnet": [3, 5, 7, 9, 11, 13], "plain": []}
