"""Run records: what is written is read again, and damaged files are refused."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import Mock, patch

import numpy as np
import pytest

from tests.hostile import Canary, peak_bytes
from tests.pipeline.builders import make_record, write_combination_files
from tests.pipeline.experiments.constant import make_dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments import records
from visbase.pipeline.experiments.combine import write_combination
from visbase.pipeline.experiments.measured import read_combination

TRUTH = np.array([7, 2, 1, 0, 4])
PREDICTION = np.array([7, 2, 1, 6, 4])  # four of five
SCORES = {"scores": np.arange(10, dtype=np.float16).reshape(5, 2)}
Write = Callable[[], Path]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A record with predictions."""
    return records.write_record(tmp_path, make_record(), TRUTH, PREDICTION)


@pytest.fixture
def beside(path: Path) -> Path:
    """The predictions of the record."""
    return path.with_suffix(".npy")


@pytest.fixture(params=["record", "combination"])
def write(request: pytest.FixtureRequest, fresh_folders: Path) -> Write:
    """Write facts and arrays again; return the place of the facts."""
    if request.param == "record":
        arrays = (TRUTH, PREDICTION, SCORES)
        write = partial(records.write_record, fresh_folders, make_record(), *arrays)
    else:
        combination = read_combination(write_combination_files(fresh_folders))
        write = partial(write_combination, combination, make_dataset(TRUTH, TRUTH))
    write()
    return write


def fault_of(path: Path, named: Path) -> str:
    """The one line about a record or its predictions; it starts with the file."""
    with pytest.raises(BadInput, match=rf"^{named}: .*\Z") as raised:
        records.read_predictions(path, records.read_record(path))
    return str(raised.value)


@pytest.mark.parametrize(("label", "dtype"), [(255, np.uint8), (256, np.int16)])
def test_written_record_is_read_again(tmp_path: Path, label: int, dtype: type) -> None:
    truth, prediction = np.append(TRUTH[:4], label), np.append(PREDICTION[:4], label)
    path = records.write_record(tmp_path, make_record(), truth, prediction)
    assert path == tmp_path / "mnist" / "nearest" / "seed0.json"
    record = records.read_record(path)
    assert record == make_record()
    both = records.read_predictions(path, record)
    assert both.dtype == dtype
    assert both.tolist() == [truth.tolist(), prediction.tolist()]


def test_failed_run_has_no_predictions(tmp_path: Path) -> None:
    failed = make_record(n_correct=None, fit_s=None, predict_s=None, error="no memory")
    path = records.write_record(tmp_path, failed)
    assert records.read_record(path) == failed
    assert not path.with_suffix(".npy").exists()
    assert failed.line().endswith("failed, no memory")


def test_line_counts_errors_by_hand() -> None:
    line = make_record().line()
    assert "20.00 % error, 1 of 5 mnist test images" in line
    assert "fit 12.3 s, predict 5.6 s, peak 1,234 MiB" in line


def test_changed_count_or_prediction_is_found(path: Path, beside: Path) -> None:
    facts = path.read_text()
    path.write_text(json.dumps({**json.loads(facts), "n_correct": 5}))
    message = fault_of(path, beside)
    assert "4 predictions are correct, but seed0.json says 5" in message
    path.write_text(facts)
    np.save(beside, np.stack([TRUTH, TRUTH]))
    assert "5 predictions are correct" in fault_of(path, beside)


def test_predictions_of_wrong_shape_or_type_are_named(path: Path, beside: Path) -> None:
    for shape, dtype in (((2, 4), int), ((3, 5), int), ((5,), int), ((2, 5), float)):
        np.save(beside, np.zeros(shape, dtype))
        assert "(2, 5)" in fault_of(path, beside)


def test_archive_or_broken_header_is_no_prediction(path: Path, beside: Path) -> None:
    with beside.open("wb") as file:
        np.savez(file, both=np.stack([TRUTH, PREDICTION]))
    fault_of(path, beside)
    # its keys cannot be sorted
    header = b"{1e999: '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    beside.write_bytes(start + header + b"12")
    fault_of(path, beside)


def test_array_that_claims_too_much_takes_no_memory(path: Path, beside: Path) -> None:
    whole = beside.read_bytes()
    for shape in (b"(2, 99999999)", b"(2, 49999999999999)"):
        beside.write_bytes(whole.replace(b"(2, 5)", shape))
        assert peak_bytes(lambda: fault_of(path, beside)) < 1_000_000


def test_pickle_as_predictions_is_refused_and_not_run(path: Path, beside: Path) -> None:
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


def test_arrays_beside_a_record_are_read_and_replaced_with_it(tmp_path: Path) -> None:
    extras = SCORES | {
        "kernels": np.ones((3, 2, 2), np.float16),
        "kernels of colour": np.ones((3, 2, 2, 3), np.float16),
    }
    for seed in (0, 11):
        record = make_record(seed=seed)
        path = records.write_record(tmp_path, record, TRUTH, PREDICTION, extras)
        np.testing.assert_equal(records.read_extras(path, record), extras)
    first = records.write_record(tmp_path, make_record(), TRUTH, PREDICTION, SCORES)
    np.testing.assert_equal(records.read_extras(first, make_record()), SCORES)
    np.testing.assert_equal(records.read_extras(path, record), extras)  # of seed 11


def test_record_of_a_gpu_stands_beside_that_of_the_cpu(tmp_path: Path) -> None:
    cpu, gpu = make_record(), make_record(device="cuda (NVIDIA H100), bfloat16")
    kernels = {"kernels": np.ones((3, 2, 2), np.float16)}
    first = records.write_record(tmp_path, cpu, TRUTH, PREDICTION, SCORES)
    second = records.write_record(tmp_path, gpu, TRUTH, TRUTH, kernels)
    assert (first.name, second.name) == ("seed0.json", "seed0.cuda.json")
    records.write_record(tmp_path, cpu, TRUTH, PREDICTION, SCORES)  # removes none
    np.testing.assert_equal(records.read_extras(first, cpu), SCORES)
    np.testing.assert_equal(records.read_extras(second, gpu), kernels)
    assert np.array_equal(np.load(second.with_suffix(".npy"))[1], TRUTH)
    folder = make_record(device="cuda (NVIDIA H100)", fingerprint="ab")
    assert not folder.on_gpu  # `compare` continues on whatever device there is


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *(("scores", np.zeros((4, 2))), ("scores", np.zeros(5))),
        *(("scores", np.full((5, 2), np.nan)), ("scores", np.zeros((5, 2), bool))),
        *(("kernels", np.zeros((0, 5, 5))), ("kernels", np.zeros((5, 5)))),
        ("kernels", np.zeros((5, 5, 5, 2))),
    ],
)
def test_unsound_array_is_named(path: Path, name: str, values: np.ndarray) -> None:
    beside = path.with_suffix(f".{name}.npy")
    np.save(beside, values)
    with pytest.raises(BadInput, match=f"^{beside}: "):
        records.read_extras(path, make_record())


@patch.object(np, "save", Mock(side_effect=OSError(28, "No space left on device")))
def test_failed_write_leaves_earlier_files_whole(write: Write, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}
    with pytest.raises(OSError, match="No space left"):
        write()
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_kill_leaves_facts_beside_no_other_arrays(write: Write, suffix: str) -> None:
    path, replace = write(), os.replace

    def die(source: Path, target: Path) -> None:
        if target.suffix == suffix:
            raise KeyboardInterrupt
        replace(source, target)

    with patch.object(os, "replace", die), pytest.raises(KeyboardInterrupt):
        write()
    assert not path.exists()


def test_record_replaces_links_keeping_permissions(tmp_path: Path, path: Path) -> None:
    beside = path.with_suffix(".npy")
    for file in (path, beside):
        file.chmod(0o664)
        file.rename(tmp_path / file.name)
        file.symlink_to(tmp_path / file.name)
    records.write_record(tmp_path, make_record(), TRUTH, PREDICTION)
    assert records.read_record(path) == make_record()
    assert not path.is_symlink() and not beside.is_symlink()
    assert {file.stat().st_mode & 0o777 for file in (path, beside)} == {0o664}
