"""Every reader refuses what no command wrote, in one line that names the file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.hostile import sealed
from tests.pipeline.builders import (
    CARD,
    COMBINATION,
    RECORD,
    ROWS,
    write_combination_files,
)
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import read_combination, read_measurements
from visbase.pipeline.experiments.records import read_record
from visbase.pipeline.models.file import load_model
from visbase.pipeline.storage.tables import as_text, to_csv

HUGE = 10**400
NAN, INFINITY = float("nan"), float("inf")


def write_model(path: Path, text: str) -> None:
    content = safetensors.numpy.save(
        {"classes": np.arange(2), "frequencies": np.full(2, 0.5, np.float32)},
        {"card": text, "sha256": "0" * 64},
    )
    path.write_bytes(sealed(content))


def table(row: Any, changes: dict[str, Any]) -> str:
    """A table of one row with other values; None leaves its column out."""
    values = as_text(row) | changes
    kept = {name: value for name, value in values.items() if value is not None}
    return to_csv([*kept], [kept])


class Reader:
    """How a kind of file is written with changes, and read."""

    def __init__(self, name: str, facts: dict[str, Any], read: Callable[[Path], Any]):
        self.name, self.facts, self.read = name, facts, read

    def write(self, folder: Path, text: str) -> Path:
        path = folder / self.name
        if self.name == "model":
            write_model(path, text)
            return path
        if self.name == "a+b.json":
            write_combination_files(folder)
        path.write_text(text)
        return path


READERS = {
    "record": Reader("seed0.json", RECORD, read_record),
    "combination": Reader("a+b.json", COMBINATION, read_combination),
    "card": Reader("model", CARD, load_model),
}
SAME: list[tuple[str, str, Any]] = [
    ("record", "n_test", "10000"),
    ("record", "n_correct", 9.5),
    ("record", "fit_s", "long"),
    ("record", "seed", True),
    ("record", "dirty", 0),
    ("record", "method", None),
    ("record", "versions", ["numpy"]),
    ("record", "histories", {}),
    ("record", "family", "quantum"),
    ("record", "seed", -1),
    ("record", "n_test", 0),
    ("record", "fit_s", -5.0),
    ("record", "fit_s", NAN),
    ("record", "fit_s", INFINITY),
    ("record", "fit_s", HUGE),
    ("record", "n_correct", 6),
    ("record", "n_correct", None),
    ("record", "summary", "two\nlines"),
    ("record", "histories", [5]),
    ("record", "histories", [[{"loss": 1.0}]]),
    ("record", "histories", [[{"error_pct": "x"}]]),
    ("record", "accuracy", 1),
    ("combination", "weight", INFINITY),
    ("combination", "weight", -0.1),
    ("combination", "weight", HUGE),
    ("combination", "weight", True),
    ("combination", "n_validation", 50.5),
    ("combination", "n_validation", 19),
    ("combination", "validation_errors", {"a": 1.9, "b": 10, "weighted sum": 4}),
    ("combination", "validation_errors", {"a": -1, "b": 10, "weighted sum": 4}),
    ("combination", "validation_errors", {"x": 1, "b": 10, "weighted sum": 4}),
    ("combination", "answers", ["a", "b", "weighted sum", "piled"]),
    ("combination", "methods", ["a", "c"]),
    ("combination", "more", 1),
    ("card", "format", 2),
    ("card", "classes", []),
    ("card", "classes", ["a", "a"]),
    ("card", "classes", ["a"]),
    ("card", "classes", [1, 2]),
    ("card", "image_size", [0, 28]),
    ("card", "image_size", [10**9, 10**9]),
    ("card", "image_size", "28"),
    ("card", "kind", "sounds"),
    ("card", "n_correct", 5),
    ("card", "seed", -1),
    ("card", "seed", True),
    ("card", "config", []),
    ("card", "config", {"more": 1}),
    ("card", "licence", None),
    ("card", "method", "os"),
]


def refusal(read: Callable[[Path], Any], path: Path) -> str:
    """The one line that reading the file ends with."""
    with pytest.raises(BadInput) as refused:
        read(path)
    line = str(refused.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_sound_file_is_read(reader: Reader, tmp_path: Path) -> None:
    reader.read(reader.write(tmp_path, json.dumps(reader.facts)))


@pytest.mark.parametrize(("kind", "field", "value"), SAME)
def test_wrong_value_is_one_line(
    kind: str, field: str, value: Any, tmp_path: Path
) -> None:
    reader = READERS[kind]
    text = json.dumps(reader.facts | {field: value})
    refusal(reader.read, reader.write(tmp_path, text))


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_missing_field_is_one_line(reader: Reader, tmp_path: Path) -> None:
    for name in reader.facts:
        facts = {key: value for key, value in reader.facts.items() if key != name}
        line = refusal(reader.read, reader.write(tmp_path, json.dumps(facts)))
        assert reader.name != "model" or "--save" in line


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1, 2]", "null", "7", "[" * 100_000, '{"seed": ' + "9" * 5000 + "}"],
    ids=["empty", "open", "list", "null", "number", "nested", "digits"],
)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_other_json_is_one_line(reader: Reader, text: str, tmp_path: Path) -> None:
    refusal(reader.read, reader.write(tmp_path, text))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_rows_are_read_as_they_were_written(row: Any, tmp_path: Path) -> None:
    path = tmp_path / "linear.csv"
    path.write_text(table(row, {}))
    assert read_measurements(path, type(row)) == [row]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_errors", "-5"),
        ("n_errors", "abc"),
        ("n_errors", "99999"),
        ("n_errors", "1.5"),
        ("n_errors", "9" * 5000),
        ("n_errors", ""),
        ("n_errors", None),
        ("more", "1"),
        ("n_test", "0"),
        ("n_validation", "0"),
        ("fit_s", "nan"),
        ("fit_s", "inf"),
        ("fit_s", "-1"),
        ("family", "alien"),
        ("method", "lenet5"),
        ("config", "not json"),
        ("config", "[1]"),
        ("changes", "[" * 5000),
    ],
)
def test_wrong_value_of_a_row_is_one_line(
    row: Any, field: str, value: str | None, tmp_path: Path
) -> None:
    columns = as_text(row).keys()
    if field not in columns and field != "more":
        pytest.skip(f"no column {field}")
    path = tmp_path / "linear.csv"
    path.write_text(table(row, {field: value}))
    if field == "method" and type(row).__name__ == "Cost":  # one table, all methods
        read_measurements(path, type(row))
        return
    line = refusal(lambda path: read_measurements(path, type(row)), path)
    assert "lenet5" in line or "line " in line


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_key_that_occurs_twice_is_refused_with_both_lines(
    row: Any, tmp_path: Path
) -> None:
    path = tmp_path / "linear.csv"
    path.write_text(to_csv([*as_text(row)], [as_text(row)] * 2))
    line = refusal(lambda path: read_measurements(path, type(row)), path)
    assert "line 3: " in line and "line 2" in line


def test_row_with_a_column_too_many_or_too_few_is_one_line(tmp_path: Path) -> None:
    path, row = tmp_path / "linear.csv", ROWS[0]
    for short in (True, False):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(as_text(row))
            values = [*as_text(row).values()]
            writer.writerow(values[:-1] if short else [*values, "1"])
        line = refusal(lambda path: read_measurements(path, type(row)), path)
        assert f"expected {len(values)} columns" in line
