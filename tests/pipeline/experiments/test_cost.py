"""What methods cost: measured in processes that end as they should."""

import re
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from tests.command_line import refusal, visbase
from tests.pipeline.builders import ROWS
from visbase.pipeline.experiments import cost
from visbase.pipeline.experiments.measured import Cost, read_measurements
from visbase.pipeline.models.file import load_model
from visbase.pipeline.storage.tables import write_rows


def test_cost_is_measured_and_replaces_the_earlier_row(fresh_folders: Path) -> None:
    other, earlier = (replace(ROWS[2], method=name) for name in ("other", "majority"))
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


def test_cost_of_an_unknown_method_is_refused(fresh_folders: Path) -> None:
    assert "nonsense" in refusal("cost", "nonsense")


@pytest.mark.parametrize(
    ("end", "output"),  # the first has said why
    [("sys.exit(1)", ""), ("os.kill(os.getpid(), 9)", ".*majority.*9.*\\n")],
)
def test_failed_process_is_status_1(end: str, output: str, fresh_folders: Path) -> None:
    program = fresh_folders / "python"
    program.write_text(f"#!{sys.executable}\nimport os, sys\n{end}\n")
    program.chmod(0o755)
    scratch = fresh_folders / "artifacts" / "scratch"
    (scratch / "cost" / "of a killed measurement").mkdir(parents=True)
    with patch.object(cost, "OWN_MODULE", (str(program),)):
        done = visbase("cost", "majority")
    assert done.exit_code == 1
    assert re.fullmatch(output, done.output)
    assert not list(scratch.iterdir())
