"""Saved models on corrupted images: errors are counted once, kept apart, and told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import provenance
from visbase.pipeline.experiments.corruption import measure_corruption
from visbase.pipeline.experiments.corruptions import find_corruptions
from visbase.pipeline.experiments.measured import CORRUPTION, read_measurements
from visbase.pipeline.experiments.run import run_method
from visbase.pipeline.models.card import make_card
from visbase.pipeline.models.file import load_model, save_model
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.storage import ROOT, artifacts, measured
from visbase.reports.findings.corruption import (
    corruption_finding,
    mean_corruption_error,
    sentences,
)

KINDS = {corruption.name for corruption in find_corruptions()}

# clean, five strengths of each kind, digits of another origin
N_TEST_SETS = 1 + 5 * len(find_corruptions()) + 1


def small(mnist: Dataset) -> Dataset:
    test = mnist.test
    few = Split(test.images[:200], test.labels[:200], test.names[:200])
    train = Split(mnist.train.images[:1000], mnist.train.labels[:1000], ["x"] * 1000)
    return Dataset("mnist", train, few, mnist.classes, "digits", 1)


@pytest.fixture
def model(fresh_folders: Path, mnist: Dataset) -> Path:
    return saved_linear(fresh_folders, mnist)


def saved_linear(folder: Path, mnist: Dataset) -> Path:
    """`linear`, fitted on 1,000 digits and saved."""
    dataset, path = small(mnist), folder / "linear.visbase"
    method = find_method("linear")
    config = method.configure("full", [])

    def keep(fitted, record, train) -> None:  # type: ignore[no-untyped-def]
        save_model(path, fitted, make_card(vars(record), train, dataset, False, ""))

    run_method(method, config, "full", 0, dataset, keep)
    return path


def test_saved_model_is_counted_under_every_damage(
    model: Path, mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    lines = list(measure_corruption(model, small(mnist)))
    assert len(lines) == N_TEST_SETS + 1
    (where,) = measure_corruption(model, small(mnist))  # all of it is there
    assert where.startswith(f"linear: {N_TEST_SETS} test sets in ")
    found = corruption_finding(of_model(model), "mnist")
    assert found is not None
    assert found.columns == CORRUPTION
    mean = mean_corruption_error(found.rows, "linear")
    by_hand = [
        100 * int(row["n_errors"]) / int(row["n_test"])
        for row in found.rows
        if row["corruption"] in KINDS
    ]
    assert len(by_hand) == 60
    assert mean == pytest.approx(np.mean(by_hand))
    assert found.sentences[0] == (
        "By mean corruption error, over 12 kinds of corruption and 5 strengths of "
        "each, "
        f"linear errs least: linear {mean:.1f} %."
    )
    assert found.sentences == sentences(found.rows)
    assert "1,797 digits of another origin" in found.sentences[2]


@pytest.mark.parametrize("dirty", [True, False])
def test_table_of_uncommitted_code_stays_in_artifacts(
    dirty: bool, fresh_folders: Path, mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: dirty)
    model = saved_linear(fresh_folders, mnist)
    list(measure_corruption(model, small(mnist)))
    assert (of_model(model) / "mnist" / "linear.csv").exists()
    assert (measured("corruption") / "mnist" / "linear.csv").exists() == (not dirty)


def test_table_without_a_test_set_that_another_has_is_refused(tmp_path: Path) -> None:
    folder = ROOT / "reports" / "corruption" / "mnist"
    for name in ("linear", "lenet5"):
        text = (folder / f"{name}.csv").read_text().splitlines(keepends=True)
        kept = text[:30] if name == "lenet5" else text
        (tmp_path / "mnist").mkdir(exist_ok=True)
        (tmp_path / "mnist" / f"{name}.csv").write_text("".join(kept))
    with pytest.raises(BadInput, match=r"lenet5\.csv: blur, strength 1, is missing"):
        corruption_finding(tmp_path, "mnist")


def of_model(model: Path) -> Path:
    """Where the errors of this model file are gathered."""
    return (
        artifacts() / "corruption" / hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    )


def test_two_models_of_a_method_at_once_keep_their_own_errors(
    fresh_folders: Path, mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    first = saved_linear(fresh_folders, mnist)
    second = fresh_folders / "second"
    model = load_model(first)
    save_model(second, model.classifier, model.card | {"licence": "another"})
    ours = measure_corruption(first, small(mnist))
    next(ours)
    list(measure_corruption(second, small(mnist)))
    assert list(ours)[-1].startswith(f"linear: {N_TEST_SETS} test sets")
    for one in (first, second):
        rows = read_measurements(of_model(one) / "mnist" / "linear.csv", CORRUPTION)
        assert len(rows) == 62
    rows = read_measurements(
        measured("corruption") / "mnist" / "linear.csv", CORRUPTION
    )
    assert len({row["model"] for row in rows}) == 1
    assert len(rows) == 62


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (",shift,3,3 pixels,", ",shift,3,9 pixels,"),  # a strength of earlier code
        (",shift,3,3 pixels,", ",lift,3,3 pixels,"),  # a kind of earlier code
        ("abcdefabcd\n", "abcdefabcd+\n"),  # uncommitted code
        ("abcdefabcd\n", "\n"),  # code of nobody knows which commit
    ],
)
def test_what_other_code_measured_is_measured_again(
    old: str,
    new: str,
    fresh_folders: Path,
    mnist: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    monkeypatch.setattr(provenance, "commit", lambda: "abcdefabcdef")
    model = saved_linear(fresh_folders, mnist)
    list(measure_corruption(model, small(mnist)))
    gathered = of_model(model) / "mnist" / "linear.csv"
    published = measured("corruption") / "mnist" / "linear.csv"
    before = published.read_text()
    assert old in before
    gathered.write_text(gathered.read_text().replace(old, new, 1))
    again, where = measure_corruption(model, small(mnist))
    assert again.startswith("linear, ") and where.startswith(
        f"linear: {N_TEST_SETS} test sets"
    )
    assert published.read_text() == before
    assert list(measure_corruption(model, small(mnist))) == [where]


def test_models_measured_by_two_versions_at_once_end_well(
    fresh_folders: Path, mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "commit", lambda: "abcdefabcdef")
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    model = saved_linear(fresh_folders, mnist)
    monkeypatch.setattr(provenance, "dirty", lambda: True)
    edited = measure_corruption(model, small(mnist))
    next(edited)
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    committed = measure_corruption(model, small(mnist))
    next(committed)
    for _ in range(10):  # each in turn; to each the rows of the other are nothing
        next(edited)
        next(committed)
    assert list(edited)[-1].startswith(f"linear: {N_TEST_SETS} test sets")
    assert list(committed)[-1].startswith(f"linear: {N_TEST_SETS} test sets")
    rows = read_measurements(
        measured("corruption") / "mnist" / "linear.csv", CORRUPTION
    )
    assert {row["commit"] for row in rows} == {"abcdefabcd"}


def test_errors_are_of_the_file_that_was_opened(
    model: Path, mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    opened = of_model(model)

    def open_and_replace(path: Path) -> object:
        result = load_model(path)
        path.write_bytes(b"another model")
        return result

    monkeypatch.setattr(
        "visbase.pipeline.experiments.corruption.load_model", open_and_replace
    )
    list(measure_corruption(model, small(mnist)))
    assert len(read_measurements(opened / "mnist" / "linear.csv", CORRUPTION)) == 62


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (lambda line: ",shift,3," not in line, "linear.csv: shift, strength 3, is"),
        (lambda line: ",none,0," not in line, "linear.csv: none, strength 0, is"),
        (
            lambda line: line[:6] == "method" or ",none,0," in line,
            "no kind of corruption",
        ),
    ],
)
def test_table_that_lacks_what_no_other_has_is_refused(
    tmp_path: Path, kept: Callable[[str], bool], told: str
) -> None:
    text = (ROOT / "reports" / "corruption" / "mnist" / "linear.csv").read_text()
    lines = [line for line in text.splitlines(keepends=True) if kept(line)]
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "linear.csv").write_text("".join(lines))
    with pytest.raises(BadInput, match=told):
        corruption_finding(tmp_path, "mnist")


def test_table_of_uncommitted_code_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "reports" / "corruption" / "mnist" / "linear.csv").read_text()
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "linear.csv").write_text(text.rstrip("\n") + "+\n")
    with pytest.raises(BadInput, match="linear was measured by uncommitted code"):
        corruption_finding(tmp_path, "mnist")


def test_model_of_other_training_images_is_refused(model: Path, mnist: Dataset) -> None:
    with pytest.raises(BadInput, match="was not trained on all training images"):
        list(measure_corruption(model, mnist))
