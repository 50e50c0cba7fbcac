"""The commands that measure: costs, and what all of them refuse in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from visbase.pipeline.commands import main
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import CORRUPTION, COST, read_measurements
from visbase.pipeline.models.file import load_model
from visbase.pipeline.storage.tables import write_rows
from visbase.reports.findings.cost import cost_finding


def test_cost_of_a_method_is_measured_in_a_run_of_its_own(fresh_folders: Path) -> None:
    done = CliRunner().invoke(main, ["cost", "majority"])
    assert done.exit_code == 0, done.output
    (path,) = fresh_folders.rglob("mnist.csv")
    (row,) = read_measurements(path, COST)
    write_rows(path, COST, [row | {"commit": row["commit"].rstrip("+")}])
    found = cost_finding(path.parent, "mnist")
    assert found is not None
    assert (row["method"], row["n_errors"], row["n_test"]) == (
        "majority",
        "8865",
        "10000",
    )
    assert float(row["cpu_s"]) > 0.1
    assert float(row["one_us"]) > 0 and float(row["batch_us"]) > 0
    assert "majority errs least, 88.65 %" in found.sentences[0]
    assert not list(fresh_folders.rglob("seed0.json"))  # it leaves no record
    model = fresh_folders / "artifacts" / "models" / "mnist" / "majority"
    assert load_model(model).method == "majority"


def test_cost_of_another_method_keeps_the_first(fresh_folders: Path) -> None:
    table = fresh_folders / "artifacts" / "cost" / "mnist.csv"
    earlier = dict.fromkeys(COST, "1") | {"method": "other", "family": "classical"}
    for root in (table, fresh_folders / "cost" / "mnist.csv"):  # committed or not
        write_rows(root, COST, [earlier, earlier | {"method": "majority"}])
    done = CliRunner().invoke(main, ["cost", "majority"])
    assert done.exit_code == 0, done.output
    tables = [read_measurements(path, COST) for path in fresh_folders.rglob("*.csv")]
    assert all([r["method"] for r in rows] == ["other", "majority"] for rows in tables)
    assert any(rows[1]["n_errors"] == "8865" for rows in tables)
    assert all(rows[0] == earlier for rows in tables)


@pytest.mark.parametrize(
    ("end", "status", "told"),
    [
        ("sys.exit(1)", 1, ""),  # it has told why
        ("os.kill(os.getpid(), 9)", 1, "visbase: majority was killed by signal 9\n"),
    ],
)
def test_run_that_failed_ends_the_measurement_as_it_ended(
    end: str,
    status: int,
    told: str,
    fresh_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = fresh_folders / "python"
    program.write_text(f"#!{sys.executable}\nimport os, sys\n{end}\n")
    program.chmod(0o755)
    leftover = fresh_folders / "artifacts" / "scratch" / "cost" / "of a killed one"
    leftover.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(program))
    done = CliRunner().invoke(main, ["cost", "majority"])
    assert (done.exit_code, done.output) == (status, told)
    assert not list((fresh_folders / "artifacts" / "scratch").iterdir())


CHILDREN = "/proc/{0}/task/{0}/children"  # of a process's main thread


@pytest.mark.skipif(
    not Path(CHILDREN.format(os.getpid())).exists(), reason="needs Linux's /proc"
)
def test_run_ends_with_the_measurement_that_started_it(fresh_folders: Path) -> None:
    measuring = subprocess.Popen([sys.executable, "-m", "visbase", "cost", "linear"])
    run = None
    while run is None:  # it asks git before
        assert measuring.poll() is None
        children = Path(CHILDREN.format(measuring.pid)).read_text().split()
        run = next((pid for pid in children if "run" in words_of(pid)), None)
    measuring.kill()
    measuring.wait()
    deadline = time.monotonic() + 10
    while "run" in words_of(run) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert words_of(run) == []


def words_of(process: str) -> list[str]:
    """What a running process was started with, nothing once it is dead."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


@pytest.mark.parametrize("n_errors", ["010", "+10", "1_0", " 10"])
def test_number_has_one_spelling(tmp_path: Path, n_errors: str) -> None:
    row = dict.fromkeys(COST, "20") | {"family": "network", "n_errors": n_errors}
    write_rows(tmp_path / "mnist.csv", COST, [row])
    with pytest.raises(BadInput, match=r"n_errors is .* expected a whole number"):
        read_measurements(tmp_path / "mnist.csv", COST)


def test_point_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    row = dict.fromkeys(COST, "1") | {"family": "network"}
    write_rows(tmp_path / "mnist.csv", COST, [row, row | {"fit_s": "2"}])
    with pytest.raises(BadInput, match=r"mnist.csv: line 3: .* the same as line 2"):
        read_measurements(tmp_path / "mnist.csv", COST)


def test_table_of_another_method_is_refused(tmp_path: Path) -> None:
    row = dict.fromkeys(CORRUPTION, "1") | {"family": "network", "method": "lenet5"}
    write_rows(tmp_path / "lenet5.csv", CORRUPTION, [row])
    assert read_measurements(tmp_path / "lenet5.csv", CORRUPTION) == [row]
    write_rows(tmp_path / "linear.csv", CORRUPTION, [row])
    with pytest.raises(BadInput, match="method is 'lenet5', expected linear"):
        read_measurements(tmp_path / "linear.csv", CORRUPTION)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("n_errors", "-5", "a whole number from 0 on"),
        ("n_errors", "abc", "a whole number from 0 on"),
        ("n_errors", "99999", "at least its 99999 errors"),
        ("n_test", "0", "a whole number from 1 on"),
        ("fit_s", "nan", "a number"),
        ("family", "alien", "one of classical, network"),
    ],
)
def test_value_that_nobody_measured_is_refused(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    row = dict.fromkeys(COST, "1") | {"family": "network", "n_test": "10"}
    path = tmp_path / "mnist.csv"
    write_rows(path, COST, [row])
    assert read_measurements(path, COST) == [row]
    write_rows(path, COST, [row, row | {name: value}])
    with pytest.raises(BadInput, match=f"mnist.csv: line 3: .* expected {expected}"):
        read_measurements(path, COST)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["curve", "linear", "--sizes", "10,x"], "expected numbers"),
        (["curve", "linear", "--sizes", "15"], "expected a multiple of 10 classes"),
        (["curve", "nonsense"], "no method 'nonsense'"),
        (["corruption", "missing.visbase"], "no such model file"),
        (["cost", "nonsense"], "no method 'nonsense'"),
        (["combine", "linear", "nonsense"], "no method 'nonsense'"),
    ],
)
def test_wrong_arguments_are_one_line(
    fresh_folders: Path, arguments: list[str], message: str
) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert done.output.count("\n") == 1
