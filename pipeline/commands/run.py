"""The command that fits methods, counts their test errors and records the results."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.commands.options import (
    data_option,
    dataset_option,
    device_option,
    folder_arguments,
    folder_options,
    jobs_option,
    licence_option,
    preset_option,
    save_option,
    scheduler_option,
    seed_option,
    set_option,
)
from visbase.pipeline.errors import BadInput

if TYPE_CHECKING:
    from visbase.pipeline.contracts import Method
    from visbase.pipeline.datasets.splits import Split
    from visbase.pipeline.experiments.records import Record


@click.command()
@click.argument("names", metavar="METHOD...", nargs=-1, required=True)
@dataset_option
@data_option
@folder_options
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
    preset: str,
    seed: int,
    settings: tuple[str, ...],
    scheduler: str | None,
    save: Path | None,
    licence: str,
    **of_folder: Any,
) -> None:
    """Fit methods and record their errors on the test images.

    Several methods run one after another, each in its own process. `visbase methods`
    lists the methods, and `visbase datasets` the datasets. A network of `visbase
    networks` is a method for photographs.

    Example: visbase run bovw_pyramid --preset quick --set n_words=200
    """
    from visbase.pipeline.models.methods import find_method

    methods = [find_method(name) for name in names]
    for method in methods:  # a wrong setting is reported before any work
        method.configure(preset, settings)
    if scheduler:
        from visbase.pipeline.images.cluster import require_address

        require_address(scheduler)
        os.environ["VISBASE_SCHEDULER"] = scheduler
    if len(methods) > 1:
        if save is not None:
            raise BadInput(f"--save {save}: saves only one model; name one method")
        if os.environ.get("WORLD_SIZE", "1") != "1":
            raise BadInput("torchrun trains one method at a time; name one method")
        options = ["--dataset", dataset, "--preset", preset, "--seed", str(seed)]
        options += [] if data is None else ["--data", str(data)]
        options += folder_arguments(of_folder)
        options += [part for setting in settings for part in ("--set", setting)]
        sys.exit(_run_in_own_processes(names, options))
    from visbase.pipeline.datasets import load_dataset
    from visbase.pipeline.experiments.run import is_main_process, run_method
    from visbase.pipeline.storage import results

    def save_if_asked(model: Method, record: Record, train: Split) -> None:
        if save is not None:
            any_size = takes_any_size(model)
            card = make_card(asdict(record), train, loaded, any_size, licence)
            save_model(save, model, card)  # already, should calibration be interrupted
            is_alone = os.environ.get("WORLD_SIZE", "1") == "1"
            keeps_own = loaded.published or not is_alone
            is_network = method.family == "network" and not isinstance(model, Refits)
            if is_network and keeps_own:
                # another training might take hours, for log-probabilities as good, and
                # the other processes that trained this one would not take part
                calibration = uncalibrated()
            else:
                build = functools.partial(method.build, config, seed)
                calibration = calibrate(model, build, train, seed)
            novelty = learn_novelty(train) if loaded.kind == "digits" else None
            save_model(save, model, card, calibration, novelty)

    if save is not None:
        from msgspec.structs import asdict

        from visbase.pipeline.contracts import Refits, takes_any_size
        from visbase.pipeline.models.calibration import calibrate, uncalibrated
        from visbase.pipeline.models.card import make_card
        from visbase.pipeline.models.file import check_place, save_model
        from visbase.pipeline.models.novelty import learn_novelty

        check_place(save)
    loaded = load_dataset(dataset, data, seed=seed, **of_folder)
    (method,) = methods
    of_data = (loaded.kind, loaded.published_name)
    config = method.configure(preset, settings, *of_data)
    own = method.presets(*of_data)
    if own != method.presets("digits"):
        whose = loaded.kind if own == method.presets(loaded.kind) else loaded.name
        click.echo(f"  {loaded.description}: using settings for {whose}", err=True)
    record, folder = run_method(method, config, preset, seed, loaded, save_if_asked)
    if not is_main_process():
        return
    click.echo(record.line())
    if folder != results():
        click.echo(f"recorded in {folder}; not part of the comparison table", err=True)
    if save is not None:
        click.echo(f"saved {save}", err=True)


def _run_in_own_processes(names: tuple[str, ...], options: list[str]) -> int:
    """Run each method in its own process; return the worst exit status.

    The peak memory that a method records is then its own, and a crash stops no other.
    """
    from visbase.pipeline.experiments.run import OWN_PROGRAM

    worst = 0
    for name in names:
        command = [*OWN_PROGRAM, "run", name, *options]
        status = subprocess.run(command, check=False).returncode
        if status < 0:
            click.echo(f"visbase: {name} was killed by signal {-status}", err=True)
        worst = max(worst, 1 if status < 0 else status)
    return worst
