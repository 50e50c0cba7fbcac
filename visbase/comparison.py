"""Compare methods on a folder of photographs: `visbase.compare`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.class_folders import find_layout
from visbase.pipeline.datasets.class_images import (
    ClassImages,
    findings_of,
    read_images,
)
from visbase.pipeline.datasets.findings import DROPPED, Findings, describe, notes
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.experiments.contest import CONTESTANTS, Contest
from visbase.pipeline.experiments.records import (
    Record,
    read_extras,
    read_predictions,
    read_record,
)
from visbase.pipeline.storage import artifacts
from visbase.pipeline.storage.atomic import write_named
from visbase.pipeline.storage.reading import listed
from visbase.pipeline.storage.tables import to_csv
from visbase.reports.comparison.contestants import (
    Contestant,
    one_per_split,
    read_contestant,
)
from visbase.reports.comparison.statements import statements
from visbase.reports.comparison.suspicion import find_suspicious
from visbase.reports.comparison.table import TableRow, print_table, rank, table_rows

TEST_FRACTION = 0.2


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    rows: of the table, the most accurate method first; how: numbers of photographs;
    sentences: what the numbers say; contestants: every answer; page: the HTML file.
    """

    rows: Sequence[TableRow]
    how: str
    sentences: Sequence[str]
    contestants: Sequence[Contestant]
    page: Path

    def show(self) -> None:
        """Print the table, the sentences and the place of the page."""
        print_table(self.rows)
        click.echo(f"Every method was {self.how}.")
        for sentence in self.sentences:
            click.echo(sentence)
        click.echo(f"page: {self.page}", err=True)


def compare(
    path: str | Path,
    *,
    methods: Sequence[str] = (),
    quick: bool = False,
    repeats: int | None = None,
    out: Path | None = None,
    train_per_class: int | None = None,
    test_fraction: float | None = None,
    skip_bad: bool = False,
    nested: bool = False,
    duplicates: Literal["group", "drop", "keep"] = "group",
) -> Comparison:
    """Train and test methods on the same splits of a folder of photographs.

    methods: to add to `CONTESTANTS`; quick: smaller settings and fewer photographs;
    repeats: number of random splits, by default 5, and 1 for slow methods; out: folder
    for the page; others: see `load_folder`, with a test_fraction of TEST_FRACTION if
    the folder has no split and none is asked for. Results are kept in ./artifacts: a
    second call continues or recalls them. Raises BadInput for an unknown method or a
    fault of the folder.
    """
    root = Path(path)
    preset = "quick" if quick else "full"
    splitting: dict[str, Any] = {
        "skip_bad": skip_bad,
        "nested": nested,
        "duplicates": duplicates,
    }
    if train_per_class is not None:
        splitting["train_per_class"] = train_per_class
    if test_fraction is not None:
        splitting["test_fraction"] = test_fraction
    elif train_per_class is None and not find_layout(root, nested).has_split:
        splitting["test_fraction"] = TEST_FRACTION
    usual = (False, "group")
    how = [f"{key}-{value}" for key, value in splitting.items() if value not in usual]
    results = artifacts() / "compare" / "-".join([preset, *how])
    names = list(dict.fromkeys([*CONTESTANTS, *methods]))
    contest = Contest(root, names, preset, repeats, splitting, results)
    dataset = contest.splits[0]
    assert dataset.findings is not None
    folder = out or results / dataset.name
    folder.mkdir(parents=True, exist_ok=True)  # if it cannot be made, say so now
    for line in _about(dataset.findings):
        _say(line)
    if (seconds := contest.seconds()) > 1:
        n = math.ceil(seconds / 60)
        _say(f"This takes about {n} {'minute' if n == 1 else 'minutes'} on two cores.")
    entries = contest.run(_say)
    contestants = [
        read_contestant(entry.method, entry.records, entry.failure, entry.parts)
        for entry in entries
    ]
    comparison = _written(root, contestants, dataset.findings, folder)
    if (best := rank(contestants)) and (
        record := contest.classify(best[0].method, _say)
    ):
        _write_labels(folder / "unlabelled.csv", record)
    return comparison


def report(
    path: str | Path, out: Path | None = None, *, nested: bool = False
) -> Comparison:
    """Compare what `visbase run` has recorded of a folder, without running anything.

    nested: as it was run. Raises BadInput if there is no record of it, or if methods
    that are compared had other splits.
    """
    root = Path(path)
    photos = read_images(find_layout(root, nested))
    home = artifacts() / "results" / "full" / photos.dataset_name
    places = [sorted(folder.glob("seed*.json")) for folder in listed(home)]
    contestants = [read_contestant(at[0].parent.name, at) for at in places if at]
    splits: dict[int, str] = {}
    for contestant in contestants:
        for record in (one.record for one in contestant.answers):
            if splits.setdefault(record.seed, record.fingerprint) != record.fingerprint:
                raise BadInput(
                    f"{home}: {record.method} was run on another split of seed "
                    f"{record.seed} than other methods; run it again with their options"
                )
    if not splits:
        raise BadInput(
            f"{printable(root)}: `visbase run` has recorded no full run of it; "
            "`visbase compare` runs and compares methods"
        )
    record = next(one.answers[0].record for one in contestants if one.answers)
    findings = findings_of(photos, _parts(photos, record))
    return _written(root, [*map(one_per_split, contestants)], findings, out or home)


def _parts(photos: ClassImages, record: Record) -> NDArray[np.str_]:
    """The part of each photograph in a recorded split, see `Copies.parts`."""
    names = [photos.name(path) for path in photos.files.paths]
    tested = np.isin(names, record.test_names)
    validates = photos.parts == "validation"
    parts = np.select([tested, validates], ["test", "validation"], "train")
    # images for validation count as training images
    if np.sum(~tested) > record.n_train:  # of each picture one was kept
        order = np.argsort(~tested, kind="stable")
        kept = order[np.unique(photos.groups[order], return_index=True)[1]]
        parts[np.setdiff1d(np.flatnonzero(~tested), kept)] = DROPPED
    return parts


def _written(
    root: Path, contestants: Sequence[Contestant], found: Findings, folder: Path
) -> Comparison:
    from visbase.reports.comparison.page import render_page  # matplotlib is slow

    rows, sentences = table_rows(contestants), statements(contestants)
    ranked = rank(contestants)
    about, *lines = _about(found)
    how = _how(ranked[0].answers[0].record) if ranked else "unable to give a result"
    page = render_page(
        root,
        contestants,
        ranked[0].answers[0].record.classes if ranked else list(found.classes),
        rows,
        sentences,
        find_suspicious(contestants, found.copies, found.blank),
        [f"{about}; every method was {how}", *lines],
    )
    with write_named(folder / "index.html") as file:
        file.write(page.encode())
    return Comparison(rows, how, sentences, contestants, folder / "index.html")


def _about(found: Findings) -> list[str]:
    lines = describe(found)
    return lines + [line for line in notes(found) if line not in lines]


def _how(record: Record) -> str:
    quick = ", with quick settings" if record.preset == "quick" else ""
    return (
        f"trained on {record.n_train:,} photographs and tested on {record.n_test:,}"
        f"{quick}"
    )


def _write_labels(path: Path, place: Path) -> None:
    """Write what a method says of the images without labels, the surest first."""
    record = read_record(place)
    prediction = read_predictions(place, record)[1]
    sure = read_extras(place, record)["probabilities"].max(axis=1).astype(float)
    lines = [
        {
            "file": record.test_names[row],
            "label": record.classes[prediction[row]],
            "probability": f"{sure[row]:.3f}",
        }
        for row in np.argsort(-sure, kind="stable")
    ]
    with write_named(path) as file:
        file.write(to_csv(("file", "label", "probability"), lines).encode())
    _say(f"labels of the {len(lines):,} images without one: {path}")


def _say(line: str) -> None:
    click.echo(line, err=True)
