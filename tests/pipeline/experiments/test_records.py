"""Run records: what is written is read again, and damaged files are refused."""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.hostile import Canary, peak_bytes
from tests.pipeline.builders import make_record
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import (
    read_extras,
    read_predictions,
    read_record,
    write_record,
)

TRUTH = np.array([7, 2, 1, 0, 4])
PREDICTION = np.array([7, 2, 1, 6, 4])  # four of five
SCORES = {"scores": np.arange(10, dtype=np.float16).reshape(5, 2)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A record with predictions."""
    return write_record(tmp_path, make_record(), TRUTH, PREDICTION)


@pytest.fixture
def beside(path: Path) -> Path:
    """The predictions of the record."""
    return path.with_suffix(".npy")


def fault_of(path: Path, named: Path) -> str:
    """The one line about a record or its predictions; it starts with the file."""
    with pytest.raises(BadInput) as raised:
        read_predictions(path, read_record(path))
    message = str(raised.value)
    assert message.startswith(f"{named}: ")
    assert "\n" not in message
    return message


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_written_record_is_read_again(tmp_path: Path, path: Path) -> None:
    assert path == tmp_path / "mnist" / "nearest" / "seed0.json"
    record = read_record(path)
    assert record == make_record()
    both = read_predictions(path, record)
    assert both.tolist() == [TRUTH.tolist(), PREDICTION.tolist()]
    assert both.dtype == np.uint8


def test_labels_above_255_are_kept(tmp_path: Path) -> None:
    truth, prediction = np.array([0, 300]), np.array([256, 300])
    record = make_record(n_test=2, n_correct=1)
    path = write_record(tmp_path, record, truth, prediction)
    both = read_predictions(path, record)
    assert both.dtype == np.int16
    assert both.tolist() == [[0, 300], [256, 300]]


def test_failed_run_is_a_record_without_predictions(tmp_path: Path) -> None:
    failed = make_record(n_correct=None, fit_s=None, predict_s=None, error="no memory")
    path = write_record(tmp_path, failed)
    assert read_record(path) == failed
    assert not path.with_suffix(".npy").exists()
    assert failed.line().endswith("failed, no memory")


def test_line_counts_errors_by_hand() -> None:
    line = make_record().line()
    assert "20.00 % error, 1 of 5 mnist test images" in line
    assert "fit 12.3 s, predict 5.6 s, peak 1,234 MiB" in line


def test_changed_count_or_prediction_is_found(path: Path, beside: Path) -> None:
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "n_correct": 5}))
    message = fault_of(path, beside)
    assert "4 predictions are correct, but seed0.json says 5" in message
    path.write_text(json.dumps(facts))
    np.save(beside, np.stack([TRUTH, TRUTH]))
    assert "5 predictions are correct" in fault_of(path, beside)


@pytest.mark.parametrize(
    "both",
    [
        np.stack([TRUTH[:4], PREDICTION[:4]]),
        np.stack([TRUTH, PREDICTION, PREDICTION]),
        TRUTH,
        np.stack([TRUTH, PREDICTION]).astype(float),
    ],
)
def test_predictions_of_wrong_shape_or_type_are_refused(
    path: Path, beside: Path, both: np.ndarray
) -> None:
    np.save(beside, both)
    assert "(2, 5)" in fault_of(path, beside)


def test_no_damage_to_the_predictions_escapes_as_another_exception(
    path: Path, beside: Path
) -> None:
    whole = beside.read_bytes()
    for length in range(0, len(whole), 5):
        beside.write_bytes(whole[:length])
        fault_of(path, beside)
    n_refused = 0
    for bit in range(0, 8 * len(whole), 7):  # every bit of a byte in turn
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        beside.write_bytes(damaged)
        try:
            read_predictions(path, make_record())
        except BadInput:
            n_refused += 1
    assert n_refused > 120  # of 158; spaces of the header carry nothing


def test_archive_or_broken_header_in_place_of_predictions_is_refused(
    path: Path, beside: Path
) -> None:
    archive = io.BytesIO()
    np.savez(archive, both=np.stack([TRUTH, PREDICTION]))
    # its keys cannot be sorted
    header = b"{1e999: '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    for content in (archive.getvalue(), start + header + b"12"):
        beside.write_bytes(content)
        fault_of(path, beside)


def test_array_that_claims_more_than_its_file_holds_reserves_no_memory(
    path: Path, beside: Path
) -> None:
    whole = beside.read_bytes()
    for shape in (b"(2, 99999999)", b"(2, 49999999999999)"):
        beside.write_bytes(whole.replace(b"(2, 5)", shape))
        assert peak_bytes(lambda: fault_of(path, beside)) < 1_000_000


def test_pickle_in_place_of_predictions_is_refused_and_not_run(
    path: Path, beside: Path
) -> None:
    canary = path.with_name("canary")
    np.save(beside, np.full((2, 5), Canary(canary), object), allow_pickle=True)
    fault_of(path, beside)
    beside.write_bytes(pickle.dumps(Canary(canary)))
    fault_of(path, beside)
    assert not canary.exists()
    pickle.loads(beside.read_bytes())
    assert canary.exists()  # the canary sings when it may


def test_missing_files_are_named(path: Path, beside: Path) -> None:
    beside.unlink()
    fault_of(path, beside)
    path.unlink()
    assert "no such record" in fault_of(path, path)


def test_arrays_beside_a_record_are_read_again_and_replaced_with_it(
    tmp_path: Path,
) -> None:
    extras = SCORES | {"kernels": np.ones((3, 2, 2), np.float16)}
    path = write_record(tmp_path, make_record(), TRUTH, PREDICTION, extras)
    arrays = read_extras(path, make_record())
    assert arrays.keys() == extras.keys()
    for name, values in extras.items():
        np.testing.assert_array_equal(arrays[name], values)
    write_record(tmp_path, make_record(seed=11), TRUTH, PREDICTION, extras)
    write_record(tmp_path, make_record(), TRUTH, PREDICTION, SCORES)
    assert read_extras(path, make_record()).keys() == {"scores"}
    other = path.with_name("seed11.json")
    assert read_extras(other, make_record()).keys() == extras.keys()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("scores", np.zeros((4, 2))),
        ("scores", np.zeros(5)),
        ("scores", np.full((5, 2), np.nan)),
        ("scores", np.zeros((5, 2), bool)),
        ("kernels", np.zeros((0, 5, 5))),
        ("kernels", np.zeros((5, 5))),
    ],
)
def test_unsound_array_beside_a_record_is_named(
    path: Path, name: str, values: np.ndarray
) -> None:
    beside = path.with_suffix(f".{name}.npy")
    np.save(beside, values)
    with pytest.raises(BadInput, match=f"^{beside}: "):
        read_extras(path, make_record())


def test_record_that_cannot_be_written_leaves_the_earlier_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_record(tmp_path, make_record(), TRUTH, PREDICTION, SCORES)
    before = contents(path.parent)

    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fill)
    with pytest.raises(OSError, match="No space left"):
        write_record(tmp_path, make_record(), TRUTH, PREDICTION, SCORES)
    assert contents(path.parent) == before


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_between_two_files_no_facts_are_beside_arrays_of_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    path = write_record(tmp_path, make_record(), TRUTH, PREDICTION, SCORES)
    replace, n_replaced = os.replace, 0

    def die(source: Path, target: Path) -> None:
        nonlocal n_replaced
        n_replaced += 1
        if n_replaced >= nth:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_record(tmp_path, make_record(), TRUTH, PREDICTION, SCORES)
    assert not path.exists()


def test_record_replaces_links_and_keeps_the_permissions(
    tmp_path: Path, path: Path, beside: Path
) -> None:
    for file in (path, beside):
        file.chmod(0o664)
        file.rename(tmp_path / file.name)
        file.symlink_to(tmp_path / file.name)
    write_record(tmp_path, make_record(), TRUTH, PREDICTION)
    assert read_record(path) == make_record()
    assert not path.is_symlink() and not beside.is_symlink()
    assert {file.stat().st_mode & 0o777 for file in (path, beside)} == {0o664}
