"""Write predictions row by row, each as soon as it is there: a table, JSON, CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.models.file import Model
from visbase.pipeline.models.predict import UNKNOWN, Prediction

Row = Callable[[Prediction], None]
NUMBER, MS, BOX = 10, 8, 19  # widths of columns
CSV_HEAD = "file label probability score runner_up runner_up_probability "
CSV_HEAD += "runner_up_score ms note line left top right bottom"


@contextmanager
def table_rows(files: Sequence[str], model: Model) -> Iterator[Row]:
    """Print aligned columns: image, label, %, runner-up, its %, ms.

    files: their names, which decide the width. Models without calibration have scores
    in place of percentages; models of digits also line and box. The head comes with
    the first row.
    """
    of_file = max((len(printable(file)) for file in (*files, "image")), default=0)
    of_label = max(len(printable(name)) for name in (*model.classes, "runner-up"))
    unit, has_head = "score" if model.calibration is None else "%", False

    def line(*cells: str) -> str:
        file, place, label, number, other, its_number, ms = cells
        return (
            f"{file:<{of_file}}  {place}{label:<{of_label}}  {number:>{NUMBER}}  "
            f"{other:<{of_label}}  {its_number:>{NUMBER}}  {ms:>{MS}}"
        )

    def place_of(line: str, box: str) -> str:
        return f"{line:>4}  {box:<{BOX}}  " if model.card.kind == "digits" else ""

    def add(prediction: Prediction) -> None:
        nonlocal has_head
        if not has_head:
            click.echo(
                line(
                    "image",
                    place_of("line", "box"),
                    "label",
                    unit,
                    "runner-up",
                    unit,
                    "ms",
                )
            )
        has_head = True
        cells = [
            cell
            for name in (*prediction.ranked(), "")[:2]
            for cell in (printable(name), _number(prediction, name))
        ]
        box = ",".join(map(str, prediction.box or ()))
        place = place_of(str(prediction.line or ""), box)
        row = line(printable(prediction.file), place, *cells, f"{prediction.ms:.1f}")
        click.echo(f"{row}  {prediction.note}" if prediction.note else row)

    yield add


def numbers(predictions: Sequence[Prediction]) -> list[str]:
    """The number that each line of digits makes; ? for an unknown digit."""
    lines: dict[int | None, str] = {}
    for one in predictions:
        label = "?" if one.label == UNKNOWN else printable(one.label)
        lines[one.line] = lines.get(one.line, "") + label
    return list(lines.values())


def _number(prediction: Prediction, name: str) -> str:
    """The probability of a class in percent, or its score."""
    if name not in prediction.scores:
        return ""
    if prediction.probabilities is None:
        return f"{prediction.scores[name]:.4g}"
    return f"{100 * prediction.probabilities[name]:.1f}"


@contextmanager
def json_rows(model: Model) -> Iterator[Row]:
    """Print a JSON array of one object per image, which is also closed on an error."""
    between = ""

    def add(prediction: Prediction) -> None:
        nonlocal between
        fields = ["file", "label", "scores", "probabilities", "note", "ms"]
        fields += ["line", "box"] if model.card.kind == "digits" else []
        answer = {name: getattr(prediction, name) for name in fields}
        click.echo(between + json.dumps(answer, indent=1), nl=False)
        between = ",\n"

    click.echo("[", nl=False)
    try:
        yield add
    finally:
        click.echo("]")


@contextmanager
def write_csv(path: Path) -> Iterator[Row]:
    """Write a CSV file, in which each row is on disk before the next is computed."""
    with _opened(path) as file:
        writer = csv.writer(file)

        def add(prediction: Prediction) -> None:
            row: list[object] = [prediction.file]
            for name in (*prediction.ranked(), "")[:2]:
                row += [name, (prediction.probabilities or {}).get(name, "")]
                row.append(prediction.scores.get(name, ""))
            row += [prediction.ms, prediction.note, prediction.line or ""]
            writer.writerow([*row, *(prediction.box or ("",) * 4)])
            file.flush()

        writer.writerow(CSV_HEAD.split())
        file.flush()
        yield add


def _opened(path: Path) -> IO[str]:
    try:
        return open(path, "w", newline="", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        reason = error.strerror
        raise BadInput(f"{printable(path)}: cannot be written ({reason})") from None
