"""What methods cost: measured in processes that end as they should."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec
import pytest

from tests.command_line import refusal, visbase
from tests.pipeline.builders import ROWS
from visbase.pipeline.experiments import cost
from visbase.pipeline.experiments.measured import Cost, read_measurements
from visbase.pipeline.models.file import load_model
from visbase.pipeline.storage.tables import write_rows


def test_cost_is_measured_in_its_own_process_and_replaces_the_earlier_row(
    fresh_folders: Path,
) -> None:
    other = msgspec.structs.replace(ROWS[2], method="other")
    earlier = msgspec.structs.replace(ROWS[2], method="majority")
    artifacts = fresh_folders / "artifacts"
    for root in (artifacts, fresh_folders):  # the code may be committed or not
        write_rows(root / "cost" / "mnist.csv", Cost, [other, earlier])
    done = visbase("cost", "majority")
    assert done.exit_code == 0, done.output
    tables = [read_measurements(path, Cost) for path in fresh_folders.rglob("*.csv")]
    assert [rows[0] for rows in tables] == [other, other]
    assert {len(rows) for rows in tables} == {2}
    (row,) = (rows[1] for rows in tables if rows[1] != earlier)
    assert (row.method, row.n_errors, row.n_test) == ("majority", 8865, 10_000)
    assert row.cpu_s > 0.1
    assert row.one_us > 0 and row.batch_us > 0
    assert not list(fresh_folders.rglob("seed0.json"))  # it leaves no record
    model = artifacts / "models" / "mnist" / "majority"
    assert load_model(model).method == "majority"


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("sys.exit(1)", ""),  # it has said why
        ("os.kill(os.getpid(), 9)", ".*majority.*9.*\\n"),
    ],
)
def test_failed_process_ends_the_measurement_with_status_1(
    end: str, message: str, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fresh_folders / "python"
    program.write_text(f"#!{sys.executable}\nimport os, sys\n{end}\n")
    program.chmod(0o755)
    scratch = fresh_folders / "artifacts" / "scratch"
    (scratch / "cost" / "of a killed measurement").mkdir(parents=True)
    monkeypatch.setattr(cost, "OWN_PROGRAM", (str(program),))
    done = visbase("cost", "majority")
    assert done.exit_code == 1
    assert re.fullmatch(message, done.output)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("curve linear --sizes 10,x", "--sizes"),
        ("curve linear --sizes 15", "15"),
        ("curve nonsense", "nonsense"),
        ("corruption missing.visbase", "missing.visbase"),
        ("cost nonsense", "nonsense"),
        ("combine linear nonsense", "nonsense"),
    ],
)
@pytest.mark.usefixtures("fresh_folders")
def test_wrong_arguments_are_refused_in_one_line(arguments: str, word: str) -> None:
    assert word in refusal(*arguments.split())
