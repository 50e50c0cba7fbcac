"""Commands that measure methods beyond the table: where each of them wins."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import (
    data_option,
    dataset_option,
    device_option,
    jobs_option,
)
from visbase.pipeline.errors import BadInput


@click.command()
@click.argument("names", metavar="METHOD...", nargs=-1, required=True)
@dataset_option
@data_option
@click.option(
    "--sizes",
    default="10,30,100,300,1000,3000,10000,60000",
    show_default=True,
    metavar="N,N,...",
    help="Numbers of training images.",
)
@click.option(
    "--seeds",
    "n_seeds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Subsets of each size.",
)
@jobs_option
@device_option
@ends_in_one_line
def curve(
    names: tuple[str, ...],
    dataset: str,
    data: Path | None,
    sizes: str,
    n_seeds: int,
    jobs: int | None,
    device: str,
) -> None:
    """Measure the test error against the number of training images.

    All methods get the same balanced subsets, and choose their settings anew on a part
    of each. Points that were measured before are kept. The report shows those of
    committed code.

    Example: visbase curve linear lenet5 --sizes 100,1000 --seeds 3
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.experiments.curve import measure_curve
    from visbase.pipeline.models.methods import find_method

    os.environ["VISBASE_DEVICE"] = device
    if jobs:
        os.environ["VISBASE_JOBS"] = str(jobs)
    found = [find_method(name) for name in names]
    counts = [size.strip() for size in sizes.split(",")]
    if not all(re.fullmatch("[0-9]{1,9}", count) for count in counts):
        raise BadInput(
            f"--sizes {sizes[:80]}: expected numbers with commas between them"
        )
    loaded = load_dataset(dataset, data)
    for method in found:
        for line in measure_curve(method, list(map(int, counts)), n_seeds, loaded):
            click.echo(line)


@click.command()
@click.argument(
    "models",
    metavar="MODEL...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@dataset_option
@data_option
@ends_in_one_line
def corruption(models: tuple[Path, ...], dataset: str, data: Path | None) -> None:
    """Count the errors of saved models on corrupted test images.

    Twelve kinds of corruption at five strengths each, the same in every run, and digits
    from another dataset. The report shows the errors.

    Example: visbase corruption lenet5.visbase bovw.visbase
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.experiments.corruption import measure_corruption

    loaded = load_dataset(dataset, data)
    for path in models:
        for line in measure_corruption(path, loaded):
            click.echo(line)


@click.command()
@click.argument("names", metavar="METHOD...", nargs=-1, required=True)
@dataset_option
@ends_in_one_line
def cost(names: tuple[str, ...], dataset: str) -> None:
    """Measure what methods cost: time, processor time, memory, size of the model.

    Each is fitted anew, alone; leave the machine idle meanwhile. The report shows it,
    and the models stay in artifacts/models.

    Example: visbase cost linear bovw_pyramid lenet5
    """
    from visbase.pipeline.experiments.cost import measure_cost

    if dataset.startswith("folder:"):
        raise BadInput("costs are measured on named data sets")
    try:
        for line in measure_cost(names, dataset):
            click.echo(line)
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:
            signal = -error.returncode
            click.echo(f"visbase: {error.cmd} was killed by signal {signal}", err=True)
        sys.exit(max(1, error.returncode))


@click.command()
@click.argument("first")
@click.argument("second")
@dataset_option
@data_option
@jobs_option
@device_option
@ends_in_one_line
def combine(
    first: str,
    second: str,
    dataset: str,
    data: Path | None,
    jobs: int | None,
    device: str,
) -> None:
    """Put two methods together on held-out images: what do they gain?

    Example: visbase combine bovw_pyramid convnet
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.evaluation import error_pct, n_errors
    from visbase.pipeline.experiments.combine import combine as combine_scores
    from visbase.pipeline.experiments.combine import write_combination
    from visbase.pipeline.models.methods import find_method

    os.environ["VISBASE_DEVICE"] = device
    if jobs:
        os.environ["VISBASE_JOBS"] = str(jobs)
    methods = (find_method(first), find_method(second))
    loaded = load_dataset(dataset, data)
    combination = combine_scores(methods, loaded)
    for name, answers in combination.answers.items():
        error = error_pct(n_errors(combination.truth, answers), len(answers))
        click.echo(f"{name}: {error:.2f} % of {len(answers):,} test images")
    click.echo(f"written to {write_combination(combination, loaded)}", err=True)
