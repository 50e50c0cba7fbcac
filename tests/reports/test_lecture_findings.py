"""The findings on the lecture's points: hand arithmetic, and their committed files."""

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.reports.builders import Committed, tiny_dataset
from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured.demonstrations import (
    AugmentationErrors,
    GradientNorm,
    Patch,
)
from visbase.pipeline.storage.tables import write_rows
from visbase.reports.findings import Finding, augmentation, gradients, kernels, patches
from visbase.reports.page.details import exhibit

MADE = {"cpu": "a processor", "n_cores": 2, "commit": "0123456789"}


def place(folder: Path, name: str) -> Path:
    return folder / "demonstrations" / "tiny" / f"{name}.csv"


def test_gradients_are_compared_by_their_geometric_mean(tmp_path: Path) -> None:
    rows = [
        GradientNorm(
            **MADE,
            depth=8,
            shortcuts=shortcuts,
            normalised=normalised,
            seed=seed,
            epoch=epoch,
            layer=layer,
            norm=norm if layer == 1 and not shortcuts and not normalised else 0.5,
            loss=2.0 if epoch == 0 else 1.0 - shortcuts / 2,
        )
        for normalised in (0, 1)
        for shortcuts in (0, 1)
        for seed, norm in enumerate((1e-6, 1e-8))
        for epoch in (0, 3)
        for layer in (1, 2)
    ]
    write_rows(place(tmp_path, "gradients"), GradientNorm, rows)
    finding = gradients.find(tmp_path, tiny_dataset("tiny"), [])
    assert finding is not None
    without, with_norm, machine = finding.sentences
    assert "norm of 1.0e-07 in the plain network and of 5.0e-01 in" in without
    assert "After 3 epochs, their training losses are 1.000 and 0.500." in without
    assert with_norm.startswith("With batch normalisation") and "e-07" not in with_norm
    assert machine == "Measured on a processor, 2 cores."
    first = finding.charts[0].rows[0]
    assert (first["method"], first["x"], first["y"]) == ("plain", 1, -7.0)


def test_augmentations_are_ranked_alone_and_by_what_is_missed(tmp_path: Path) -> None:
    errors = {"none": 8, "shift": 5, "mirroring": 9, "all five": 3, "all but shift": 6}
    errors |= {"all but shear": 2}
    rows = [
        AugmentationErrors(
            **MADE,
            augmentation=name,
            limits={},
            seed=seed,
            n_train=10,
            n_errors=n + 2 * seed,
            n_validation=100,
            seconds=1.0,
        )
        for name, n in errors.items()
        for seed in (0, 1)
    ]
    table = place(tmp_path, "augmentation")
    write_rows(table, AugmentationErrors, rows)
    finding = augmentation.find(tmp_path, tiny_dataset("tiny"), [])
    assert finding is not None
    whole, alone, _ = finding.sentences
    assert "is 9.00 %; with all five, 4.00 %" in whole
    assert "shift gives the lowest error (6.00 %) and mirroring the highest" in alone
    assert "shift is missed most: 7.00 % without it" in alone
    assert finding.table[1] == ("shift", "6.00 ± 1.41", "-3.00")
    table.write_text(table.read_text().replace("0123456789", "0123456789+"))
    with pytest.raises(BadInput, match="uncommitted"):
        augmentation.find(tmp_path, tiny_dataset("tiny"), [])


def patch(rank: int, image: int, top: int = 0, layer: int = 1, side: int = 3) -> Patch:
    kind = "convolution 3 x 3" if side else "fully connected"
    facts = {"layer": layer, "kind": kind, "field_px": side, "neuron": 0, "left": 0}
    return Patch(
        **MADE, **facts, method="net", rank=rank, image=image, top=top, output=1.0
    )


def test_patches_are_cut_from_the_test_images(tmp_path: Path) -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert patches.cut(image, patch(1, 0, top=-1)).tolist() == [
        [0, 0, 0],  # above the image
        [0, 1, 2],
        [4, 5, 6],
    ]
    assert patches.cut(image, patch(1, 0, top=2)).tolist()[2] == [0, 0, 0]
    dataset = tiny_dataset("tiny")  # images 0 and 5 have the same label, 0 and 1 not
    rows = [patch(1, 0), patch(2, 1)]
    rows += [patch(1, 0, layer=2, side=0), patch(2, 5, layer=2, side=0)]
    write_rows(place(tmp_path, "patches"), Patch, rows)
    finding = patches.find(tmp_path, dataset, [])
    assert finding is not None
    said = finding.sentences[0]
    assert "An output of net sees 3 x 3 pixels, layer by layer, and in fully" in said
    assert "from 2.0 different classes in the first layer and from 1.0" in said
    assert [one.tiles.shape for one in finding.pictures] == [(2, 3, 3), (2, 4, 4)]
    few = part(dataset.test, slice(0, 5))
    with pytest.raises(BadInput, match=r"patches\.csv: .* 5 test images"):
        patches.find(tmp_path, replace(dataset, test=few), [])


def test_energy_of_a_kernel_divides_among_brightness_colour_and_edges() -> None:
    even = np.ones((2, 2, 3))
    edge = np.broadcast_to(np.array([[1.0, -1], [1, -1]])[..., None], (2, 2, 3))
    red = np.broadcast_to([2.0, -1, -1], (2, 2, 3))
    rows = kernels.parts("net", np.stack([even, 2 * edge, red, even + edge]))
    shares = [[getattr(row, part) for part in kernels.PARTS] for row in rows]
    assert shares == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0.5, 0.5, 0, 0]]
    assert [row.energy for row in rows] == [12, 48, 24, 24]  # 12 weights of 1, 2 ...


def test_committed_kernels_are_counted_and_drawn(committed: Committed) -> None:
    (finding,) = [one for one in committed[2] if one.name == "kernels"]
    rows = [*csv.DictReader(io.StringIO(finding.csv))]
    alive = [row for row in rows if float(row["energy"]) > 1e-3]
    edges = [r for r in alive if float(r["brightness_edges"]) > 0.5]
    assert len(rows) == 32 > len(alive) > len(edges) > 0
    (sentence,) = finding.sentences
    assert sentence.startswith("Of the 32 kernels of tf_efficientnet_lite0, ")
    assert sentence.endswith(f"; {32 - len(alive)} have weights near zero.")
    assert sum(map(int, finding.table[0][2:])) == 32
    drawn = exhibit(finding.pictures[0])
    # two rows of 16 kernels with gaps, 63 x 7 pixels, 14 times as large
    assert (drawn.width, drawn.height) == (882, 98)


def measured(committed: Committed, name: str) -> Finding:
    found = [finding for finding in committed[2] if finding.name == name]
    if not found:
        pytest.skip("not measured yet; run `make lecture`")
    return found[0]


def test_committed_gradients_vanish_without_shortcuts(committed: Committed) -> None:
    finding = measured(committed, "gradients")
    rows = [*csv.DictReader(io.StringIO(finding.csv))]
    means = []
    for shortcuts in "01":
        key = {"shortcuts": shortcuts, "normalised": "0", "epoch": "0", "layer": "1"}
        norms = [float(row["norm"]) for row in rows if key.items() <= row.items()]
        assert len(norms) == 3  # seeds
        means.append(math.prod(norms) ** (1 / 3))
    plain, residual = means
    assert plain < 1e-10 < 1e-4 < residual
    text = f"norm of {plain:.1e} in the plain network and of {residual:.1e} in the"
    assert text in finding.sentences[0]


def test_committed_patches_of_deeper_neurons_are_of_fewer_classes(
    committed: Committed, mnist: Dataset
) -> None:
    finding = measured(committed, "patches")
    rows = [*csv.DictReader(io.StringIO(finding.csv))]
    for method, first, last in (("convnet", "1", "7"), ("lenet5", "1", "5")):
        means = []
        for layer in (first, last):
            own = [r for r in rows if (r["method"], r["layer"]) == (method, layer)]
            seen = {(r["neuron"], mnist.test.labels[int(r["image"])]) for r in own}
            means.append(len(seen) / len({r["neuron"] for r in own}))
        assert means[0] > 2 * means[1]
        text = f"from {means[0]:.1f} different classes in the first layer and from "
        (said,) = [s for s in finding.sentences if f"output of {method} " in s]
        assert text + f"{means[1]:.1f} in the last" in said


def test_committed_augmentations_lower_the_error_but_for_two(
    committed: Committed,
) -> None:
    finding = measured(committed, "augmentation")
    errors: dict[str, list[float]] = {}
    for row in csv.DictReader(io.StringIO(finding.csv)):
        error = 100 * int(row["n_errors"]) / int(row["n_validation"])
        errors.setdefault(row["augmentation"], []).append(error)
    assert {len(seeds) for seeds in errors.values()} == {3}
    means = {name: sum(seeds) / 3 for name, seeds in errors.items()}
    # a digit upside down, or mirrored, is another one or none
    worse = {name for name, mean in means.items() if mean > means["none"]}
    assert worse == {"rotation by any angle", "mirroring"}
    none, five = means["none"], means["all five"]
    assert (
        f"error is {none:.2f} %; with all five, {five:.2f} %." in finding.sentences[0]
    )
