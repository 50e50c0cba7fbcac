"""Run records: what is written is read again, and what was damaged is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hostile import Canary, peak_bytes
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import (
    Record,
    read_extras,
    read_predictions,
    read_record,
    write_record,
)

TRUTH = np.array([7, 2, 1, 0, 4])
PREDICTION = np.array([7, 2, 1, 6, 4])  # four of five


def a_record(**changes: Any) -> Record:
    facts: dict[str, Any] = {
        "method": "nearest",
        "summary": "nearest image",
        "family": "classical",
        "dataset": "mnist",
        "preset": "full",
        "seed": 0,
        "config": {"n_words": 400, "levels": [1, 2]},
        "n_train": 60_000,
        "n_test": 5,
        "n_correct": 4,
        "fit_s": 12.34,
        "predict_s": 5.6,
        "peak_rss_mb": 1234.5,
        "n_parameters": 99,
        "device": "cpu",
        "cpu": "a processor",
        "n_cores": 2,
        "versions": {"python": "3.11"},
        "commit": "abc",
        "dirty": False,
        "started": "2026-01-01T00:00:00+00:00",
    }
    return Record(**{**facts, **changes})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return write_record(tmp_path, a_record(), TRUTH, PREDICTION)


def fault_of(path: Path, named: Path) -> str:
    """The one line about a record or its predictions; it starts with the file."""
    with pytest.raises(BadInput) as raised:
        read_predictions(path, read_record(path))
    message = str(raised.value)
    assert message.startswith(f"{named}: ")
    assert "\n" not in message
    return message


def test_written_record_is_read_again(tmp_path: Path, written: Path) -> None:
    assert written == tmp_path / "mnist" / "nearest" / "seed0.json"
    record = read_record(written)
    assert record == a_record()
    both = read_predictions(written, record)
    assert both.tolist() == [TRUTH.tolist(), PREDICTION.tolist()]
    assert both.dtype == np.uint8


def test_labels_above_255_are_kept(tmp_path: Path) -> None:
    truth, prediction = np.array([0, 300]), np.array([256, 300])
    record = a_record(n_test=2, n_correct=1)
    path = write_record(tmp_path, record, truth, prediction)
    both = read_predictions(path, record)
    assert both.dtype == np.int16
    assert both.tolist() == [[0, 300], [256, 300]]


def test_failed_run_is_a_record_without_predictions(tmp_path: Path) -> None:
    failed = a_record(n_correct=None, fit_s=None, predict_s=None, error="no memory")
    path = write_record(tmp_path, failed)
    assert read_record(path) == failed
    assert not path.with_suffix(".npy").exists()
    assert failed.line() == "nearest (full, seed 0): failed, no memory"


def test_line_counts_errors_by_hand() -> None:
    line = a_record().line()
    assert "20.00 % error, 1 of 5 mnist test images" in line
    assert "fit 12.3 s, predict 5.6 s, peak 1,234 MiB" in line


def test_changed_count_or_prediction_is_found(written: Path) -> None:
    content, beside = json.loads(written.read_text()), written.with_suffix(".npy")
    written.write_text(json.dumps({**content, "n_correct": 5}))
    message = fault_of(written, beside)
    assert "4 predictions are correct, but seed0.json says 5" in message
    written.write_text(json.dumps(content))
    np.save(beside, np.stack([TRUTH, TRUTH]))
    assert "5 predictions are correct" in fault_of(written, beside)


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
    written: Path, both: np.ndarray
) -> None:
    np.save(written.with_suffix(".npy"), both)
    message = fault_of(written, written.with_suffix(".npy"))
    assert "expected integers of shape (2, 5)" in message


def test_every_truncation_of_the_predictions_is_refused(written: Path) -> None:
    beside = written.with_suffix(".npy")
    whole = beside.read_bytes()
    for length in range(len(whole)):
        beside.write_bytes(whole[:length])
        assert "run it again" in fault_of(written, beside)


def test_no_flipped_bit_of_the_predictions_escapes_as_another_exception(
    written: Path,
) -> None:
    beside = written.with_suffix(".npy")
    whole = beside.read_bytes()
    n_refused = 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        beside.write_bytes(damaged)
        try:
            read_predictions(written, a_record())
        except BadInput:
            n_refused += 1
    assert n_refused > 900  # of 1104; spaces of the header carry nothing


def test_archive_in_place_of_the_predictions_is_refused(written: Path) -> None:
    beside = written.with_suffix(".npy")
    with open(beside, "wb") as file:
        np.savez(file, both=np.stack([TRUTH, PREDICTION]))
    fault_of(written, beside)


def test_missing_files_are_told(written: Path) -> None:
    written.with_suffix(".npy").unlink()
    assert "cannot be read" in fault_of(written, written.with_suffix(".npy"))
    written.unlink()
    assert "no such record" in fault_of(written, written)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"null",
        b"\xff\xfe",
        b'{"method": "nearest"}',
        json.dumps({**dataclasses.asdict(a_record()), "accuracy": 1}).encode(),
    ],
)
def test_what_is_no_record_is_refused(written: Path, content: bytes) -> None:
    written.write_bytes(content)
    assert "not a record" in fault_of(written, written)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_test", "10000"),
        ("n_correct", 9.5),
        ("fit_s", "long"),
        ("seed", True),
        ("dirty", 0),
        ("method", None),
        ("versions", ["numpy"]),
        ("histories", {}),
    ],
)
def test_field_of_another_type_is_named(
    written: Path, name: str, value: object
) -> None:
    content = dataclasses.asdict(a_record()) | {name: value}
    written.write_text(json.dumps(content))
    assert f"not a record ({name} is {json.dumps(value)})" in fault_of(written, written)


def test_pickle_in_place_of_predictions_is_refused_and_not_run(written: Path) -> None:
    beside, canary = written.with_suffix(".npy"), written.with_name("canary")
    array = np.full((2, 5), Canary(canary), object)
    np.save(beside, array, allow_pickle=True)
    assert "cannot be read" in fault_of(written, beside)
    beside.write_bytes(pickle.dumps(Canary(canary)))
    assert "cannot be read" in fault_of(written, beside)
    assert not canary.exists()
    pickle.loads(beside.read_bytes())
    assert canary.exists()  # the canary sings when it is let


def test_arrays_beside_a_record_are_read_again_and_replaced_with_it(
    tmp_path: Path,
) -> None:
    scores = np.arange(10, dtype=np.float16).reshape(5, 2)
    kernels = np.ones((3, 2, 2), np.float16)
    extras = {"scores": scores, "kernels": kernels}
    path = write_record(tmp_path, a_record(), TRUTH, PREDICTION, extras)
    found = read_extras(path, a_record())
    assert found.keys() == extras.keys()
    assert np.array_equal(found["scores"], scores)
    assert np.array_equal(found["kernels"], kernels)
    write_record(tmp_path, a_record(seed=11), TRUTH, PREDICTION, {"scores": scores})
    write_record(tmp_path, a_record(), TRUTH, PREDICTION, {"scores": scores})
    assert read_extras(path, a_record()).keys() == {"scores"}
    assert read_extras(path.with_name("seed11.json"), a_record()).keys() == {"scores"}


def test_record_that_cannot_be_written_leaves_the_earlier_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"scores": np.zeros((5, 2), np.float16)}
    path = write_record(tmp_path, a_record(), TRUTH, PREDICTION, scores)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        write_record(tmp_path, a_record(), TRUTH, PREDICTION, {"scores": scores})
    assert before == {file.name: file.read_bytes() for file in path.parent.iterdir()}


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_between_two_files_no_facts_stand_beside_arrays_of_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    scores = {"scores": np.zeros((5, 2), np.float16)}
    path = write_record(tmp_path, a_record(), TRUTH, PREDICTION, scores)
    replace, n_replaced = os.replace, 0

    def die(source: Path, target: Path) -> None:
        nonlocal n_replaced
        n_replaced += 1
        if n_replaced >= nth:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_record(tmp_path, a_record(), TRUTH, PREDICTION, scores)
    assert not path.exists()


def test_pipe_in_place_of_a_record_or_its_predictions_is_told_at_once(
    written: Path,
) -> None:
    beside = written.with_suffix(".npy")
    beside.unlink()
    os.mkfifo(beside)
    assert "Not a regular file" in fault_of(written, beside)
    written.unlink()
    os.mkfifo(written)
    assert "Not a regular file" in fault_of(written, written)


@pytest.mark.parametrize(
    "scores",
    [np.zeros((4, 2)), np.zeros(5), np.full((5, 2), np.nan), np.zeros((5, 2), bool)],
    ids=["an image less", "one a row", "not a number", "truth values"],
)
def test_scores_that_are_none_are_refused_by_name(
    tmp_path: Path, scores: np.ndarray
) -> None:
    path = write_record(tmp_path, a_record(), TRUTH, PREDICTION, {"scores": scores})
    with pytest.raises(BadInput, match=r"seed0\.scores\.npy: expected finite numbers"):
        read_extras(path, a_record())


def test_truncated_scores_are_refused_by_name(tmp_path: Path) -> None:
    scores = np.zeros((5, 2), np.float16)
    path = write_record(tmp_path, a_record(), TRUTH, PREDICTION, {"scores": scores})
    beside = path.with_suffix(".scores.npy")
    beside.write_bytes(beside.read_bytes()[:-3])
    with pytest.raises(BadInput, match=r"seed0\.scores\.npy: cannot be read"):
        read_extras(path, a_record())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", "quantum"),
        ("seed", -1),
        ("n_test", 0),
        ("fit_s", -5.0),
        ("fit_s", float("nan")),
        ("fit_s", float("inf")),
        ("fit_s", 10**400),
        ("n_correct", 6),
        ("n_correct", None),
        ("summary", "two\nlines"),
        ("histories", [5]),
        ("histories", [[{"loss": 1.0}]]),
        ("histories", [[{"error_pct": "x"}]]),
    ],
)
def test_value_that_no_run_can_leave_is_one_line(
    written: Path, name: str, value: Any
) -> None:
    content = json.loads(written.read_text())
    written.write_text(json.dumps({**content, name: value}))
    with pytest.raises(BadInput) as raised:
        read_record(written)
    assert str(raised.value).startswith(f"{written}: not a record (")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"seed": ' + "9" * 5000 + "}"])
def test_json_without_end_is_one_line(written: Path, text: str) -> None:
    written.write_text(text)
    with pytest.raises(BadInput, match="not a record"):
        read_record(written)


def test_array_that_claims_terabytes_or_has_a_tail_is_one_line(written: Path) -> None:
    beside = written.with_suffix(".npy")
    whole = beside.read_bytes()
    beside.write_bytes(whole + b"more")
    assert "its header says" in fault_of(written, beside)
    beside.write_bytes(whole.replace(b"(2, 5)", b"(2, 49999999999999)"))
    assert "its header says" in fault_of(written, beside)


def test_array_that_claims_what_fits_in_memory_reserves_none_of_it(
    written: Path,
) -> None:
    beside = written.with_suffix(".npy")
    beside.write_bytes(beside.read_bytes().replace(b"(2, 5)", b"(2, 99999999)"))
    assert peak_bytes(lambda: fault_of(written, beside)) < 1_000_000


def test_array_whose_header_cannot_be_sorted_is_one_line(written: Path) -> None:
    beside = written.with_suffix(".npy")
    header = b"{1e999: '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n"
    beside.write_bytes(
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"12"
    )
    with pytest.raises(BadInput, match="cannot be read"):
        read_predictions(written, read_record(written))


def test_empty_exhibit_is_one_line(written: Path) -> None:
    np.save(written.with_suffix(".kernels.npy"), np.zeros((0, 5, 5), np.float16))
    with pytest.raises(BadInput, match=r"kernels.npy: expected finite numbers"):
        read_extras(written, read_record(written))


def test_record_replaces_links_and_keeps_the_permissions(tmp_path: Path) -> None:
    path = write_record(tmp_path, a_record(), TRUTH, PREDICTION)
    beside = path.with_suffix(".npy")
    for file in (path, beside):
        file.chmod(0o664)
        file.rename(tmp_path / file.name)
        file.symlink_to(tmp_path / file.name)
    write_record(tmp_path, a_record(), TRUTH, PREDICTION)
    assert read_record(path) == a_record()
    assert not path.is_symlink() and not beside.is_symlink()
    assert {file.stat().st_mode & 0o777 for file in (path, beside)} == {0o664}
