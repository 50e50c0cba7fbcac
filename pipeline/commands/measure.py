"""Commands that measure more than the comparison table shows."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import (
    data_option,
    dataset_option,
    device_option,
    folder_options,
    jobs_option,
    named_dataset_option,
    seed_option,
)
from visbase.pipeline.errors import BadInput


@click.command()
@click.argument("names", metavar="METHOD...", nargs=-1, required=True)
@dataset_option
@data_option
@folder_options
@click.option(
    "--sizes",
    show_default="1, 3, 10 and so on to 1,000 per class, and all",
    metavar="N,N,...",
    help="Numbers of training images.",
)
@click.option(
    "--seeds",
    "n_seeds",
    metavar="N",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Number of random subsets per size.",
)
@jobs_option
@device_option
@ends_in_one_line
def curve(
    names: tuple[str, ...],
    dataset: str,
    data: Path | None,
    sizes: str | None,
    n_seeds: int,
    **of_folder: Any,
) -> None:
    """Measure test error against the number of training images.

    All methods train on the same balanced subsets and choose their settings on a
    held-out part of each. Points that were already measured are skipped. The report
    shows only points that were measured with committed code.

    Example: visbase curve linear lenet5 --sizes 100,1000 --seeds 3
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.experiments.curve import measure_curve, usual_sizes
    from visbase.pipeline.models.methods import find_method

    methods = [find_method(name) for name in names]
    counts = [size.strip() for size in sizes.split(",")] if sizes is not None else []
    if sizes is not None and not all(
        re.fullmatch("[0-9]{1,9}", count) for count in counts
    ):
        raise BadInput(
            f"--sizes {sizes[:80]}: expected numbers separated by commas, such as "
            "100,1000"
        )
    loaded = load_dataset(dataset, data, **of_folder)
    n_images = [int(count) for count in counts] or usual_sizes(loaded)
    for method in methods:
        for line in measure_curve(method, n_images, n_seeds, loaded):
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
@seed_option
@folder_options
@ends_in_one_line
def corruption(
    models: tuple[Path, ...],
    dataset: str,
    data: Path | None,
    seed: int,
    **of_folder: Any,
) -> None:
    """Measure the error of saved models on corrupted test images.

    Digits get twelve corruptions. Other images get those of CIFAR-10-C, with saturation
    in place of frost: fifteen, or fourteen if the images are grey. Each has five
    severities, and the corrupted images are the same in every run. Models of digits are
    also tested on digits from another dataset. MODEL must come from `visbase run METHOD
    --save MODEL` with the full preset, and with the same seed and split of a folder.

    Example: visbase corruption lenet5.visbase bovw.visbase
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.experiments.corruption import measure_corruption

    loaded = load_dataset(dataset, data, seed=seed, **of_folder)
    for path in models:
        for line in measure_corruption(path, loaded):
            click.echo(line)


@click.command()
@click.argument("names", metavar="METHOD...", nargs=-1, required=True)
@named_dataset_option
@ends_in_one_line
def cost(names: tuple[str, ...], dataset: str) -> None:
    """Measure the time, memory and model size of methods.

    Each method is refitted in its own process with an empty cache; keep the machine
    idle. The models are written to artifacts/models, and the report shows the costs.

    Example: visbase cost linear bovw_pyramid lenet5
    """
    from visbase.pipeline.experiments.cost import measure_cost

    if dataset.startswith("folder:"):
        raise BadInput(
            f"--dataset {dataset}: costs are not measured on your own photographs; "
            "choose a dataset that `visbase datasets` lists"
        )
    try:
        for line in measure_cost(names, dataset):
            click.echo(line)
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:
            signal = -error.returncode
            click.echo(f"visbase: {error.cmd} was killed by signal {signal}", err=True)
        sys.exit(max(1, error.returncode))


@click.command()
@click.argument("first", metavar="METHOD1")
@click.argument("second", metavar="METHOD2")
@dataset_option
@data_option
@folder_options
@jobs_option
@device_option
@ends_in_one_line
def combine(
    first: str, second: str, dataset: str, data: Path | None, **of_folder: Any
) -> None:
    """Measure the error of two methods combined.

    Fits both methods, chooses how to combine their scores on held-out training images,
    and prints the test error of each method and of each combination.

    Example: visbase combine bovw_pyramid convnet
    """
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.evaluation import error_pct, n_errors
    from visbase.pipeline.experiments import combine as experiment
    from visbase.pipeline.models.methods import find_method

    methods = (find_method(first), find_method(second))
    loaded = load_dataset(dataset, data, **of_folder)
    combination = experiment.combine(methods, loaded)
    for name, answers in combination.answers.items():
        error = error_pct(n_errors(combination.truth, answers), len(answers))
        click.echo(f"{name}: {error:.2f} % of {len(answers):,} test images")
    path = experiment.write_combination(combination, loaded)
    click.echo(f"written to {path}", err=True)


@click.command()
@click.argument("network", metavar="NET")
@click.option(
    "--weights",
    metavar="FILE",
    default="",
    show_default="those of timm on this computer",
    help="Weights, a .safetensors or .pth file.",
)
@click.option(
    "--data",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder of ILSVRC 2012 with val, and optionally train.",
)
@click.option("--ten-crops", is_flag=True, help="Average over ten crops, not one.")
@jobs_option
@device_option
@ends_in_one_line
def evaluate(network: str, weights: str, data: Path | None, ten_crops: bool) -> None:
    """Measure the errors of a network on ImageNet.

    Prints the top-1 and top-5 error on the validation images. NET is a network that
    `visbase networks` lists, with weights such as torchvision's, or the name of a timm
    model, for which images are resized as its weights expect. `visbase networks` shows
    the errors of the networks it lists from then on. Run an interrupted evaluation
    again to continue it.

    Example: visbase evaluate resnet50 --weights resnet50.pth --data ILSVRC2012
    """
    from visbase.pipeline.datasets.imagenet import load_validation
    from visbase.pipeline.experiments.measured import ImageNetErrors
    from visbase.pipeline.storage import artifacts
    from visbase.pipeline.storage.folder_lock import locked
    from visbase.pipeline.storage.tables import read_rows, write_rows

    split, classes = load_validation(data)
    try:  # imported by name: no file in pipeline/ may depend on cnn/
        importlib.import_module("visbase.cnn.training.cores")  # before PyTorch
        loading = importlib.import_module("visbase.cnn.imagenet.loading")
        evaluation = importlib.import_module("visbase.cnn.imagenet.evaluation")
    except ModuleNotFoundError as error:
        raise BadInput(
            f"evaluate needs {error.name}, which is not installed: run "
            "`pip install -c requirements.lock -e '.[pretrained]'`"
        ) from None
    loaded = loading.load_network(network, weights, len(classes))
    counts = evaluation.evaluate(loaded, split, ten_crops)
    crops: Literal["middle crop", "ten crops"]
    crops = "ten crops" if ten_crops else "middle crop"
    row = ImageNetErrors(
        network=network,
        crops=crops,
        n_photographs=counts.n,
        n_wrong_1=counts.wrong_1,
        n_wrong_5=counts.wrong_5,
        weights=loaded.sha256,
    )
    table = artifacts() / "evaluations.csv"
    with locked(table.parent):
        others = (r for r in read_rows(table, ImageNetErrors) if r.network != network)
        write_rows(table, ImageNetErrors, [*others, row])
    click.echo(f"{network} ({crops} of {loaded.crop_px} px): {counts}")
