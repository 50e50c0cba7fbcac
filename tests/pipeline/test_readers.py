"""Every reader refuses what no command wrote, in one line that names the file."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.hostile import sealed
from tests.pipeline import builders
from tests.pipeline.builders import CARD, COMBINATION, RECORD, ROWS, TABLES
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import read_combination, read_measurements
from visbase.pipeline.experiments.records import read_record
from visbase.pipeline.models.file import load_model
from visbase.pipeline.storage.tables import as_text, to_csv

HUGE = 10**400
NAN, INFINITY = float("nan"), float("inf")


def write_combination(path: Path, text: str) -> None:
    builders.write_combination_files(path.parent).write_text(text)


def write_model(path: Path, text: str) -> None:
    arrays = {"classes": np.arange(2), "frequencies": np.full(2, 0.5, np.float32)}
    content = safetensors.numpy.save(arrays, {"card": text, "sha256": "0" * 64})
    path.write_bytes(sealed(content))


@dataclass(frozen=True)
class Reader:
    """A kind of file with facts in JSON: sound facts, how it is written and read."""

    name: str
    facts: dict[str, Any]
    read: Callable[[Path], Any]
    write: Callable[[Path, str], object]

    def refusal(self, folder: Path, facts: Any) -> str:
        text = facts if isinstance(facts, str) else json.dumps(facts)
        self.write(folder / self.name, text)
        return refusal(self.read, folder / self.name)


READERS = {
    "record": Reader("seed0.json", RECORD, read_record, Path.write_text),
    "combination": Reader("a+b.json", COMBINATION, read_combination, write_combination),
    "card": Reader("model", CARD, load_model, write_model),
}
WRONG: dict[str, dict[str, list[Any]]] = {
    "record": {
        "n_test": ["10000", 0],
        "n_correct": [9.5, 6, None],
        "fit_s": ["long", -5.0, NAN, INFINITY, HUGE],
        "seed": [True, -1],
        "dirty": [0],
        "method": [None],
        "versions": [["numpy"]],
        "family": ["quantum"],
        "summary": ["two\nlines"],
        "histories": [{}, [5], [[{"loss": 1.0}]], [[{"error_pct": "x"}]]],
        "accuracy": [1],
    },
    "combination": {
        "weight": [INFINITY, -0.1, HUGE, True],
        "n_validation": [50.5, 19],
        "validation_errors": [
            {name: n_errors, "b": 10, "weighted sum": 4}
            for name, n_errors in (("a", 1.9), ("a", -1), ("x", 1))
        ],
        "answers": [["a", "b", "weighted sum", "piled"]],
        "methods": [["a", "c"]],
        "more": [1],
    },
    "card": {
        "format": [2],
        "classes": [[], ["a", "a"], ["a"], [1, 2]],
        "image_size": [[0, 28], [10**9, 10**9], "28"],
        "kind": ["sounds"],
        "seed": [True, -1],
        "n_correct": [6],
        "config": [[], {"more": 1}],
        "licence": [None],
        "method": ["os"],
    },
}
ALL_WRONG = [(k, name, v) for k in WRONG for name in WRONG[k] for v in WRONG[k][name]]
all_readers = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


def refusal(read: Callable[[Path], Any], path: Path) -> str:
    """The one line that reading the file ends with."""
    with pytest.raises(BadInput) as refused:
        read(path)
    line = str(refused.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize(("kind", "key", "value"), ALL_WRONG)
def test_wrong_fact_is_refused(kind: str, key: str, value: Any, tmp_path: Path) -> None:
    READERS[kind].refusal(tmp_path, READERS[kind].facts | {key: value})


@all_readers
def test_file_is_read_unless_it_lacks_a_field(reader: Reader, tmp_path: Path) -> None:
    for name in reader.facts:
        facts = {key: value for key, value in reader.facts.items() if key != name}
        line = reader.refusal(tmp_path, facts)
        assert reader.name != "model" or "--save" in line
    reader.write(tmp_path / reader.name, json.dumps(reader.facts))
    reader.read(tmp_path / reader.name)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1, 2]", "null", "7", "[" * 100_000, '{"seed": ' + "9" * 5000 + "}"],
    ids=["empty", "open", "list", "null", "number", "nested", "digits"],
)
@all_readers
def test_other_json_is_one_line(reader: Reader, text: str, tmp_path: Path) -> None:
    reader.refusal(tmp_path, text)


PLAIN = {
    "n_test: expected a whole number, found text": {"n_test": "10000"},
    "histories: expected a number or nothing, found text": {
        "histories": [[{"error_pct": "x"}]]
    },
    "family: 'quantum' is not one of the known names": {"family": "quantum"},
    "unknown field accuracy": {"accuracy": 1},
    "it ends too early": "{",
    "it is not JSON": "{no",
}


@pytest.mark.parametrize("words", PLAIN)
def test_refusal_is_in_words_that_users_know(words: str, tmp_path: Path) -> None:
    facts, reader = PLAIN[words], READERS["record"]
    harmed = facts if isinstance(facts, str) else {**RECORD, **facts}
    assert f"not a sound record ({words}); run it again" in reader.refusal(
        tmp_path, harmed
    )


WRONG_CELLS: dict[str, list[str | None]] = {
    "n_errors": ["-5", "abc", "99999", "1.5", "9" * 5000, "", None],
    "more": ["1"],
    "n_test": ["0"],
    "n_validation": ["0"],
    "fit_s": ["nan", "inf", "-1"],
    "family": ["alien"],
    "method": ["lenet5"],
    "config": ["not json", "[1]"],
    "changes": ["[" * 5000],
}
KINDS = [kind.__name__ for kind in TABLES]
all_rows = pytest.mark.parametrize("row", ROWS, ids=KINDS)


def table(folder: Path, row: Any, changes: dict[str, Any]) -> Path:
    """A table of one row with other values; None leaves its column out."""
    path = folder / TABLES[type(row)].name
    values = {k: v for k, v in (as_text(row) | changes).items() if v is not None}
    path.write_text(to_csv([*values], [values]))
    return path


def refused_table(path: Path, row: Any) -> str:
    return refusal(lambda path: read_measurements(path, type(row)), path)


@pytest.mark.parametrize(
    ("row", "name", "value"),
    [
        pytest.param(row, name, value, id=f"{kind}-{name}-{value!s:.9}")
        for kind, row in zip(KINDS, ROWS, strict=True)
        for name in sorted(WRONG_CELLS.keys() & {*as_text(row), "more"})
        for value in WRONG_CELLS[name]
        if (kind, name) != ("Cost", "method")
    ],
)
def test_wrong_cell_is_refused(row: Any, name: str, value: Any, tmp_path: Path) -> None:
    line = refused_table(table(tmp_path, row, {name: value}), row)
    assert "lenet5" in line or "line " in line


@all_rows
def test_rows_are_read_as_written_and_no_key_twice(row: Any, tmp_path: Path) -> None:
    path = table(tmp_path, row, {})
    assert read_measurements(path, type(row)) == [row]
    path.write_text(to_csv([*as_text(row)], [as_text(row)] * 2))
    line = refused_table(path, row)
    assert "line 3: " in line and "line 2" in line


@pytest.mark.parametrize("change", [-1, 1])
def test_column_too_many_or_too_few_is_one_line(change: int, tmp_path: Path) -> None:
    path, n_columns = table(tmp_path, ROWS[1], {}), len(as_text(ROWS[1]))
    header, line = path.read_text().splitlines()
    cells = [*line.split(","), "1"][: n_columns + change]
    path.write_text(f"{header}\n{','.join(cells)}\n")
    assert f"expected {n_columns} columns" in refused_table(path, ROWS[1])
