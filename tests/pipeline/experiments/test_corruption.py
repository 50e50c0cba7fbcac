"""Errors of saved models on corrupted images: counted once, kept per model."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import corruption, provenance
from visbase.pipeline.experiments.corruption import measure_corruption
from visbase.pipeline.experiments.corruptions import find_corruptions
from visbase.pipeline.experiments.corruptions.other_hand import other_hand
from visbase.pipeline.experiments.measured import CorruptionErrors, read_measurements
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

KINDS = [kind for kind in find_corruptions() if kind.name in ("shift", "blur")]
OTHER_HAND = functools.cache(other_hand)  # slow to prepare
N_TEST_SETS = 1 + 5 * len(KINDS) + 1  # clean, five severities per kind, other digits


@pytest.fixture(autouse=True)
def committed_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corruption, "find_corruptions", lambda: KINDS)
    monkeypatch.setattr(corruption, "other_hand", OTHER_HAND)
    monkeypatch.setattr(provenance, "commit", lambda: "abcdefabcdef")
    monkeypatch.setattr(provenance, "dirty", lambda: False)


@pytest.fixture
def digits(mnist: Dataset) -> Dataset:
    return dataclasses.replace(
        mnist,
        train=part(mnist.train, slice(0, 1000)),
        test=part(mnist.test, slice(0, 200)),
    )


@pytest.fixture
def model(fresh_folders: Path, digits: Dataset) -> Path:
    return save_linear(fresh_folders, digits)


def save_linear(folder: Path, digits: Dataset) -> Path:
    """Fit `linear` and save it."""
    path, method = folder / "linear.visbase", find_method("linear")

    def keep(fitted, record, train) -> None:  # type: ignore[no-untyped-def]
        facts = msgspec.structs.asdict(record)
        save_model(path, fitted, make_card(facts, train, digits, False, ""))

    run_method(method, method.configure("full", []), "full", 0, digits, keep)
    return path


def own_table(model: Path) -> Path:
    """Where the errors of this model file are gathered."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    return artifacts() / "corruption" / digest / "mnist" / "linear.csv"


def published_table() -> Path:
    return measured("corruption") / "mnist" / "linear.csv"


def read(table: Path) -> list[CorruptionErrors]:
    return read_measurements(table, CorruptionErrors)


def test_errors_are_counted_once_under_every_corruption(
    model: Path, digits: Dataset
) -> None:
    lines = list(measure_corruption(model, digits))
    assert len(lines) == N_TEST_SETS + 1
    assert list(measure_corruption(model, digits)) == lines[-1:]
    finding = corruption_finding(published_table().parents[1], "mnist")
    assert finding is not None
    mean = mean_corruption_error(finding.rows, "linear")
    by_hand = [
        100 * row.n_errors / row.n_test
        for row in finding.rows
        if row.corruption in ("shift", "blur")
    ]
    assert len(by_hand) == 10
    assert mean == pytest.approx(np.mean(by_hand))
    assert finding.sentences == sentences(finding.rows)
    assert f"linear {mean:.1f} %" in finding.sentences[0]
    assert "1,797 digits" in finding.sentences[2]


def test_table_of_uncommitted_code_stays_in_artifacts(
    fresh_folders: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: True)
    model = save_linear(fresh_folders, digits)
    list(measure_corruption(model, digits))
    assert len(read(own_table(model))) == N_TEST_SETS
    assert not published_table().exists()


def test_two_models_of_a_method_at_once_keep_their_own_errors(
    model: Path, fresh_folders: Path, digits: Dataset
) -> None:
    second, loaded = fresh_folders / "second", load_model(model)
    card = msgspec.structs.replace(loaded.card, licence="another")
    save_model(second, loaded.classifier, card)
    ours = measure_corruption(model, digits)
    next(ours)
    list(measure_corruption(second, digits))
    list(ours)
    for table in (own_table(model), own_table(second), published_table()):
        rows = read(table)
        assert len(rows) == N_TEST_SETS
        assert len({row.model for row in rows}) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (",shift,3,3 pixels,", ",shift,3,9 pixels,"),  # a strength of earlier code
        (",shift,3,3 pixels,", ",lift,3,3 pixels,"),  # a kind of earlier code
        ("abcdefabcd\n", "abcdefabcd+\n"),  # uncommitted code
        ("abcdefabcd\n", "\n"),  # code without a commit
    ],
)
def test_errors_that_other_code_counted_are_counted_again(
    old: str, new: str, model: Path, digits: Dataset
) -> None:
    list(measure_corruption(model, digits))
    before = published_table().read_text()
    assert old in before
    table = own_table(model)
    table.write_text(table.read_text().replace(old, new, 1))
    assert len(list(measure_corruption(model, digits))) == 1 + 1
    assert published_table().read_text() == before
    assert len(list(measure_corruption(model, digits))) == 1


def test_two_versions_of_the_code_can_measure_a_model_at_once(
    model: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "dirty", lambda: True)
    edited = measure_corruption(model, digits)
    next(edited)
    monkeypatch.setattr(provenance, "dirty", lambda: False)
    committed = measure_corruption(model, digits)
    next(committed)
    for _ in range(5):  # in turn; the committed one does not count the other's rows
        next(edited)
        next(committed)
    list(edited)
    list(committed)
    rows = read(published_table())
    assert len(rows) == N_TEST_SETS
    assert {row.commit for row in rows} == {"abcdefabcd"}


def test_errors_are_of_the_file_that_was_opened(
    model: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = own_table(model)

    def open_and_replace(path: Path) -> object:
        result = load_model(path)
        path.write_bytes(b"another model")
        return result

    monkeypatch.setattr(corruption, "load_model", open_and_replace)
    list(measure_corruption(model, digits))
    assert len(read(table)) == N_TEST_SETS


def test_model_of_other_training_images_is_refused(model: Path, mnist: Dataset) -> None:
    with pytest.raises(BadInput, match=f"^{model}: .*all training images"):
        list(measure_corruption(model, mnist))


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (lambda line: ",shift,3," not in line, r"linear\.csv: shift, severity 3,"),
        (lambda line: ",none,0," not in line, r"linear\.csv: none, severity 0,"),
        (lambda line: ",none,0," in line, "at least one corruption"),
    ],
)
@pytest.mark.parametrize("with_another", [True, False])
def test_table_without_a_test_set_is_refused(
    kept: Callable[[str], bool], words: str, with_another: bool, tmp_path: Path
) -> None:
    source, place = ROOT / "reports" / "corruption" / "mnist", tmp_path / "mnist"
    place.mkdir()
    head, *lines = (source / "linear.csv").read_text().splitlines(keepends=True)
    (place / "linear.csv").write_text(head + "".join(filter(kept, lines)))
    if with_another:
        (place / "lenet5.csv").write_bytes((source / "lenet5.csv").read_bytes())
        words = r"linear\.csv: "
    with pytest.raises(BadInput, match=words):
        corruption_finding(tmp_path, "mnist")


def test_table_of_uncommitted_code_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "reports" / "corruption" / "mnist" / "linear.csv").read_text()
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "linear.csv").write_text(text.rstrip("\n") + "+\n")
    with pytest.raises(BadInput, match=r"linear.*uncommitted"):
        corruption_finding(tmp_path, "mnist")
