"""Accuracy on a folder of photographs over random splits, as papers report it.

    python -m benchmarks.photographs FOLDER --train-per-class 100 --seeds 5
    python -m benchmarks.photographs FOLDER --seeds 3 --method resnet
    python -m benchmarks.photographs FOLDER --method resnet34_b --set epochs=16

The second form is for a folder that has a split of its own, the third for settings that
are not the defaults.
Runs `visbase run` once per method and seed, adds one row per run to
docs/photographs.csv, and rewrites docs/photographs.md from all rows.
"""

from __future__ import annotations

import csv
import io
import statistics
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import click
from msgspec.structs import replace

from visbase.pipeline.datasets.class_images import safe_name
from visbase.pipeline.experiments.records import Record, read_record, record_path
from visbase.pipeline.storage import ROOT, artifacts
from visbase.pipeline.storage.atomic import atomic_write

TABLE = ROOT / "docs" / "photographs.csv"
COLUMNS = (
    "dataset",
    "method",
    "seed",
    "n_train",
    "n_test",
    "n_correct",
    "fit_s",
    "predict_s",
    "peak_rss_mb",
    "cpu",
    "n_cores",
    "commit",
    "started",
    "settings",  # that differ from the defaults
)
KEY = ("dataset", "method", "settings", "n_train", "seed")  # a row is all but seeds


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--train-per-class", type=click.IntRange(min=1))
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--method", "methods", multiple=True, default=["bovw_fisher"])
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE")
def main(
    folder: Path,
    train_per_class: int | None,
    seeds: int,
    methods: tuple[str, ...],
    settings: tuple[str, ...],
) -> None:
    """Run methods on random splits of a folder of photographs and record every run."""
    for method in methods:
        for seed in range(seeds):
            command = [sys.executable, "-P", "-m", "visbase", "run", method]
            command += ["--dataset", f"folder:{folder}", "--seed", str(seed)]
            if train_per_class is not None:
                command += ["--train-per-class", str(train_per_class)]
            for setting in settings:
                command += ["--set", setting]
            subprocess.run(command, check=True)
            record = replace(_newest(folder, method, seed), dataset=safe_name(folder))
            _add(record, " ".join(settings))


def _newest(folder: Path, method: str, seed: int) -> Record:
    """The record of the last run: a folder may have had other photographs before."""
    datasets = (artifacts() / "results").glob(f"*/{safe_name(folder)}-????????")
    paths = [record_path(each.parent, each.name, method, seed) for each in datasets]
    records = [read_record(path) for path in paths if path.is_file()]
    return max(records, key=lambda record: record.started)


def _add(record: Record, settings: str) -> None:
    """Add a run to the table, replacing an earlier run with the same key."""
    new = {name: str(getattr(record, name)) for name in COLUMNS[:-1]}
    new["settings"] = settings
    rows = [row for row in _rows() if any(row[k] != new[k] for k in KEY)]
    rows = sorted(
        [*rows, new],
        key=lambda row: (
            *(row[k] for k in KEY[:3]),
            int(row["n_train"]),
            int(row["seed"]),
        ),
    )
    with atomic_write(TABLE) as file:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        file.write(text.getvalue().encode())
    with atomic_write(TABLE.with_suffix(".md")) as file:
        file.write(_page(rows).encode())


def _rows() -> list[dict[str, str]]:
    if not TABLE.exists():
        return []
    with open(TABLE, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _page(rows: list[dict[str, str]]) -> str:
    lines = [
        "# Photographs",
        "",
        "This page is written by",
        "`python -m benchmarks.photographs FOLDER --train-per-class N`;",
        "`photographs.csv` holds every run. Accuracy is the mean and standard",
        "deviation over seeds, with default settings unless others are named. Each",
        "seed splits the fifteen scenes anew; the clothes have a fixed split. The",
        "column s shows the seconds to fit the method and predict all test images in",
        "the quickest run (other programs ran beside some), and MiB the largest peak",
        "memory. `pretrained` and `finetuned` have also learned from 1.3 million other",
        "photographs.",
        "",
        "| photographs | method | training images | accuracy % | seeds | s | MiB |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for key, group in groupby(
        rows, lambda row: (row["dataset"], _named(row), row["n_train"])
    ):
        runs = list(group)
        accuracy = [100 * int(run["n_correct"]) / int(run["n_test"]) for run in runs]
        spread = f" ± {statistics.stdev(accuracy):.2f}" if len(runs) > 1 else ""
        seconds = min(float(run["fit_s"]) + float(run["predict_s"]) for run in runs)
        peak = max(float(run["peak_rss_mb"]) for run in runs)
        lines.append(
            f"| {key[0]} | {key[1]} | {int(key[2]):,} | "
            f"{statistics.mean(accuracy):.2f}{spread} | {len(runs)} | {seconds:.0f} | "
            f"{peak:.0f} |"
        )
    return "\n".join([*lines, ""])


def _named(row: dict[str, str]) -> str:
    settings = row["settings"]
    return f"{row['method']} ({settings})" if settings else row["method"]


if __name__ == "__main__":
    main()
