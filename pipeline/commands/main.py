"""The command line: options choose, modules do; heavy imports wait for their use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.measure import combine, cost, curve, damage
from visbase.pipeline.commands.models import (
    explain,
    export,
    licence_option,
    predict,
    save_option,
)
from visbase.pipeline.commands.options import (
    data_option,
    dataset_option,
    device_option,
    jobs_option,
    preset_option,
    scheduler_option,
    seed_option,
    set_option,
    skip_bad_option,
    train_per_class_option,
)
from visbase.pipeline.errors import BadInput

if TYPE_CHECKING:
    from visbase.pipeline.data import Split
    from visbase.pipeline.experiments.records import Record
    from visbase.pipeline.models.methods import Method


@click.group()
@click.version_option(package_name="visbase")
def main() -> None:
    """How far do classical features go against a CNN, on this data?"""


@main.command()
@ends_in_one_line
def methods() -> None:
    """List the methods.

    Example: visbase methods
    """
    from visbase.pipeline.models.methods import find_methods

    for method in find_methods().values():
        click.echo(f"{method.name:<18}{method.family:<12}{method.summary}")


@main.command()
@ends_in_one_line
def datasets() -> None:
    """List the data sets.

    Example: visbase datasets
    """
    from visbase.pipeline.data import dataset_modules

    for name, module in dataset_modules().items():
        click.echo(f"{name:<18}{module.SUMMARY}")


@main.command()
@click.argument("names", metavar="METHOD...", nargs=-1, required=True)
@dataset_option
@data_option
@train_per_class_option
@skip_bad_option
@preset_option
@seed_option
@set_option
@jobs_option
@scheduler_option
@device_option
@save_option
@licence_option
@ends_in_one_line
def run(
    names: tuple[str, ...],
    dataset: str,
    data: Path | None,
    train_per_class: int | None,
    skip_bad: bool,
    preset: str,
    seed: int,
    settings: tuple[str, ...],
    jobs: int | None,
    scheduler: str | None,
    device: str,
    save: Path | None,
    licence: str,
) -> None:
    """Fit methods on the training images, score all test images, record the result.

    Example: visbase run bovw_pyramid --preset quick --set n_words=200
    """
    from visbase.pipeline.images.blocks import require_address
    from visbase.pipeline.models.methods import configure, find_method

    os.environ["VISBASE_DEVICE"] = device
    found = [find_method(name) for name in names]
    for one in found:  # a wrong setting is told before any work
        configure(one.load(), preset, settings)
    if jobs:
        os.environ["VISBASE_JOBS"] = str(jobs)
    if scheduler:
        require_address(scheduler)
        os.environ["VISBASE_SCHEDULER"] = scheduler
    if save is not None and len(found) > 1:
        raise BadInput(f"--save {save}: keeps one model; name one method")
    if len(found) > 1 and os.environ.get("WORLD_SIZE", "1") != "1":
        raise BadInput("torchrun trains one method at a time; name one")
    if len(found) > 1:
        options = ["--dataset", dataset, "--preset", preset, "--seed", str(seed)]
        options += [] if data is None else ["--data", str(data)]
        if train_per_class is not None:
            options += ["--train-per-class", str(train_per_class)]
        options += ["--skip-bad"] if skip_bad else []
        options += [part for setting in settings for part in ("--set", setting)]
        sys.exit(_run_each_alone(names, options))
    from visbase.pipeline.data import load_dataset
    from visbase.pipeline.experiments.run import leads, run_method
    from visbase.pipeline.models.card import make_card
    from visbase.pipeline.models.file import check_place, save_model
    from visbase.pipeline.storage import results

    def keep(model: Method, record: Record, train: Split) -> None:
        if save is not None:
            any_size = getattr(model, "any_size", False)
            card = make_card(record, train, loaded, any_size, licence)
            save_model(save, model, card)

    if save is not None:
        check_place(save)
    loaded = load_dataset(
        dataset, data, train_per_class=train_per_class, seed=seed, skip_bad=skip_bad
    )
    config = configure(found[0].load(), preset, settings, loaded.photographs)
    if loaded.photographs and hasattr(found[0].load(), "PHOTOGRAPHS"):
        click.echo(f"  {loaded.kind}: settings for photographs", err=True)
    record, folder = run_method(found[0], config, preset, seed, loaded, keep)
    if not leads():
        return
    click.echo(record.line())
    if folder != results():
        click.echo(f"recorded in {folder}, not in the table", err=True)


def _run_each_alone(names: tuple[str, ...], options: list[str]) -> int:
    """A process for each method: peak memory is its own, a crash stays its own."""
    worst = 0
    for name in names:
        command = [sys.executable, "-m", "visbase", "run", name, *options]
        status = subprocess.run(command, check=False).returncode
        if status < 0:
            click.echo(f"visbase: {name} was killed by signal {-status}", err=True)
        worst = max(worst, 1 if status < 0 else status)
    return worst


@main.command()
@click.argument("name", metavar="METHOD")
@dataset_option
@data_option
@train_per_class_option
@skip_bad_option
@click.option(
    "--train",
    "n_train",
    type=click.IntRange(min=1),
    help="Train on the first N images only [default: all that do not validate].",
)
@seed_option
@jobs_option
@device_option
@ends_in_one_line
def search(
    name: str,
    dataset: str,
    data: Path | None,
    train_per_class: int | None,
    skip_bad: bool,
    n_train: int | None,
    seed: int,
    jobs: int | None,
    device: str,
) -> None:
    """Try a method's SEARCH settings on held-out training images, never on the test.

    Adds each trial to docs/search/DATASET/METHOD.csv, or for a folder of photographs
    to artifacts/search; trials already there are kept.

    Example: visbase search bovw_grid --train 10000
    """
    from visbase.pipeline.data import load_dataset
    from visbase.pipeline.experiments.search import search_method
    from visbase.pipeline.models.methods import find_method

    os.environ["VISBASE_DEVICE"] = device
    if jobs:
        os.environ["VISBASE_JOBS"] = str(jobs)
    loaded = load_dataset(
        dataset, data, train_per_class=train_per_class, seed=seed, skip_bad=skip_bad
    )
    for trial in search_method(find_method(name), seed, loaded, n_train):
        click.echo(trial)


@main.command()
@dataset_option
@data_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to [default: artifacts/report/DATASET].",
)
@click.option(
    "--readme",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File whose table and findings, between markers, and pictures are renewed.",
)
@ends_in_one_line
def report(
    dataset: str, data: Path | None, out: Path | None, readme: Path | None
) -> None:
    """Compare all recorded runs: print the table, write it and a page about it.

    The folder gets comparison.md, .csv, .json and .tex, and index.html, which holds
    everything in one file.

    Example: visbase report --dataset mnist --out comparison
    """
    from visbase.pipeline.data import load_dataset
    from visbase.pipeline.storage import artifacts, results
    from visbase.reports.compare import compare, read_runs
    from visbase.reports.write import (
        find_findings,
        print_table,
        write_into_readme,
        write_report,
    )

    if dataset.startswith("folder:"):
        raise BadInput("reports are of named data sets; a folder's records stay apart")
    loaded = load_dataset(dataset, data)
    runs = read_runs(results(), dataset)
    rows = compare(runs, dataset)
    folder = out or artifacts() / "report" / dataset
    findings = find_findings(results().parent, loaded)
    write_report(folder, rows, runs, loaded, findings)
    if readme is not None:
        write_into_readme(readme, rows, runs, dataset, findings)
    print_table(rows, runs, dataset)
    click.echo(f"written to {folder}", err=True)


for command in (predict, explain, export, curve, damage, cost, combine):
    main.add_command(command)
