"""Errors of saved models on corrupted images: counted once, kept per model."""

import functools
import hashlib
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest

from visbase.pipeline.contracts import Method
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import corruption, provenance
from visbase.pipeline.experiments.corruption import measure_corruption
from visbase.pipeline.experiments.corruptions import find_corruptions
from visbase.pipeline.experiments.corruptions.other_hand import other_hand
from visbase.pipeline.experiments.measured import CorruptionErrors
from visbase.pipeline.experiments.records import Record
from visbase.pipeline.experiments.run import run_method
from visbase.pipeline.models.card import make_card
from visbase.pipeline.models.file import load_model, save_model
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.storage import artifacts, measured
from visbase.pipeline.storage.tables import read_rows

KINDS = [
    kind for kind in find_corruptions("digits", 1) if kind.name in ("shift", "blur")
]
OTHER_HAND = functools.cache(other_hand)  # slow to prepare
N_TEST_SETS = 1 + 5 * len(KINDS) + 1  # clean, five severities per kind, other digits


@pytest.fixture(autouse=True)
def committed_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corruption, "find_corruptions", lambda *_: KINDS)
    monkeypatch.setattr(corruption, "other_hand", OTHER_HAND)
    monkeypatch.setattr(provenance, "commit", lambda: "abcdefabcdef")
    monkeypatch.setattr(provenance, "dirty", lambda: False)


@pytest.fixture
def model(fresh_folders: Path, few: Dataset) -> Path:
    return save_linear(fresh_folders / "linear.visbase", few)


def save_linear(path: Path, digits: Dataset, device: str = "cpu") -> Path:
    """Fit `linear` and save it, as if that device had trained it."""
    method = find_method("linear")
    config = method.configure("full", [])

    def keep(fitted: Method, record: Record, train: Split) -> None:
        facts = msgspec.structs.asdict(record) | {"device": device}
        save_model(path, fitted, make_card(facts, train, digits, False, ""))

    run_method(method, config, "full", 0, digits, keep)
    return path


def own_table(model: Path) -> Path:
    """Where the errors of this model file are gathered."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    return artifacts() / "corruption" / digest / "mnist" / "linear.csv"


def published_table() -> Path:
    return measured("corruption") / "mnist" / "linear.csv"


def rows_of(table: Path) -> list[CorruptionErrors]:
    rows = read_rows(table, CorruptionErrors)
    assert len(rows) == N_TEST_SETS
    return rows


def test_errors_are_counted_once_per_corruption(model: Path, few: Dataset) -> None:
    lines = list(measure_corruption(model, few))
    assert len(lines) == N_TEST_SETS + 1
    assert list(measure_corruption(model, few)) == lines[-1:]
    clean, *_, other = rows_of(published_table())
    assert clean.n_errors == 300 - load_model(model).card.n_correct
    assert other.n_test == 1797


def test_errors_by_or_of_uncommitted_code_stay_apart(model: Path, few: Dataset) -> None:
    with patch.object(provenance, "dirty", lambda: True):
        list(measure_corruption(model, few))
        edited = save_linear(model.with_name("edited"), few)
    list(measure_corruption(edited, few))
    assert rows_of(own_table(model)) and rows_of(own_table(edited))
    assert not published_table().exists()


def test_two_models_at_once_keep_their_own_errors(model: Path, few: Dataset) -> None:
    second, loaded = model.with_name("second"), load_model(model)
    card = msgspec.structs.replace(loaded.card, licence="another")
    save_model(second, loaded.classifier, card)
    ours = measure_corruption(model, few)
    next(ours)
    list(measure_corruption(second, few))
    list(ours)
    for table in (own_table(model), own_table(second), published_table()):
        assert len({row.model for row in rows_of(table)}) == 1


def test_errors_of_other_code_are_counted_again(model: Path, few: Dataset) -> None:
    list(measure_corruption(model, few))
    before = published_table().read_text()
    for old, new in (
        (",shift,3,3 pixels,", ",shift,3,9 pixels,"),  # a strength of earlier code
        (",shift,3,3 pixels,", ",lift,3,3 pixels,"),  # a kind of earlier code
        ("abcdefabcd\n", "abcdefabcd+\n"),  # uncommitted code
        ("abcdefabcd\n", "\n"),  # code without a commit
    ):
        assert old in before
        own_table(model).write_text(before.replace(old, new, 1))
        n_lines = [len(list(measure_corruption(model, few))) for _ in range(2)]
        assert n_lines == [1 + 1, 1]
        assert published_table().read_text() == before


def test_two_versions_of_code_can_measure_at_once(model: Path, few: Dataset) -> None:
    edited, committed = (measure_corruption(model, few) for _ in range(2))
    with patch.object(provenance, "dirty", lambda: True):
        next(edited)
    next(committed)
    for _ in range(5):  # in turn; the committed one does not count the other's rows
        next(edited)
        next(committed)
    list(edited)
    list(committed)
    assert {row.commit for row in rows_of(published_table())} == {"abcdefabcd"}


def test_errors_are_of_the_file_that_was_opened(model: Path, few: Dataset) -> None:
    table, opened = own_table(model), load_model(model)  # of the first content
    model.write_bytes(b"another model")
    with patch.object(corruption, "load_model", return_value=opened):
        list(measure_corruption(model, few))
    rows_of(table)


def test_model_of_other_training_images_is_refused(model: Path, mnist: Dataset) -> None:
    with pytest.raises(BadInput, match=f"^{model}: .*all training images"):
        list(measure_corruption(model, mnist))


def test_model_that_a_gpu_trained_has_a_name_of_its_own(
    fresh_folders: Path, few: Dataset
) -> None:
    device = "cuda (NVIDIA H100), bfloat16"
    path = save_linear(fresh_folders / "gpu.visbase", few, device)
    assert list(measure_corruption(path, few))[-1].startswith("linear-cuda: ")
    (table,) = measured("corruption").rglob("*.csv")
    assert table.name == "linear-cuda.csv"
    rows = read_rows(table, CorruptionErrors)
    assert {row.method for row in rows} == {"linear-cuda"}
    # its rows are found again, not measured anew
    assert len(list(measure_corruption(path, few))) == 1
