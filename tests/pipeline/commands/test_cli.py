"""The command line: exit status, one line for bad input, results on standard output."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock, patch

import click
import pooch
import pytest

from tests.command_line import refusal, start_visbase, visbase
from tests.pipeline.datasets.builders import noise
from tests.reports.builders import add_run, tiny_dataset
from visbase.pipeline.commands import COMMANDS, RENAMED, main
from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.measured import ImageNetErrors
from visbase.pipeline.experiments.records import read_record
from visbase.pipeline.images.blocks import n_jobs
from visbase.pipeline.models.methods import find_methods
from visbase.pipeline.storage import ROOT, artifacts
from visbase.pipeline.storage.tables import write_rows
from visbase.reports.readme import FINDINGS, TABLE


@pytest.fixture(autouse=True)
def isolated(fresh_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, results or network of the machine; what a test sets is unset again."""
    monkeypatch.setattr(pooch, "retrieve", Mock(side_effect=ConnectionError))
    monkeypatch.delenv("VISBASE_DATA", raising=False)
    monkeypatch.setenv("VISBASE_DEVICE", "auto")
    monkeypatch.setenv("VISBASE_JOBS", "2")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_explains_every_option(name: str) -> None:
    result = visbase(name, "--help")
    assert result.exit_code == 0
    assert f"Example: visbase {name}" in result.stdout
    command = main.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    for option in command.params:
        assert isinstance(option, click.Argument) or option.help, option.name
    assert "..." not in command.get_short_help_str(60)  # the list of commands has it


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("run bow", ["bow", "bovw_fisher"]),
        ("run majority bow", ["bow", "bovw_fisher"]),  # before any of them runs
        ("search bow", ["bow", "bovw_fisher"]),
        ("run majority --dataset cifar", ["cifar", "fashion_mnist, imagenet, mnist"]),
        ("run majority --dataset folder:~/x", ["HOME"]),
        ("run bovw_grid --set nwords=3", ["--set nwords=3", "n_words"]),
        ("run majority --data {}/file", ["file: ", "train-images-idx3-ubyte.gz"]),
        ("run majority --data {}/folder", ["folder/train-images-idx3-ubyte.gz: "]),
        ("report", ["results/mnist: ", "`visbase run majority"]),
        ("report --dataset folder:{}", ["has recorded no full run of it"]),
        ("cost linear --dataset folder:{}", ["folder:"]),
        *(("curve linear --sizes 10,x", ["--sizes"]), ("curve nonsense", ["nonsense"])),
        *(("curve linear --sizes 15", ["15"]), ("corruption none", ["none: "])),
        ("combine linear nonsense", ["nonsense"]),
    ],
)
@patch.object(subprocess, "run", Mock(side_effect=AssertionError("it ran")))
@patch.object(Path, "home", Mock(side_effect=RuntimeError("no home")))
def test_bad_input_is_one_line(command: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    line = refusal(*command.format(tmp_path).split())
    assert [word for word in words if word not in line] == []
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        *("bovw_grid --set n_words=0", "bovw_grid --set step_px=0"),
        *("bovw_grid --set bin_px=0", "bovw_grid --set c=0"),
        *("bovw_pyramid --set kernel=foo", "bovw_fisher --set n_gaussians=0"),
        *("bovw_fisher --set bins_px=()", "convnet --set width=0"),
        *("lenet5 --set dropout=1.5", "lenet5 --set label_smoothing=3"),
        *("bovw_grid --set bin_px=29", "bovw_sparse --set upscale=0"),
    ],
)
def test_setting_out_of_range_is_one_line(
    arguments: str, mnist: Dataset, recwarn: pytest.WarningsRecorder
) -> None:
    few = replace(mnist, train=part(mnist.train, slice(0, 60)))
    quickly = ("--set", "n_samples=500") if "bovw" in arguments else ()
    with patch("visbase.pipeline.datasets.load_dataset", return_value=few):
        result = visbase("run", "--preset", "quick", *quickly, *arguments.split())
    assert result.exit_code == 2
    assert result.stderr.strip().splitlines()[-1].startswith("visbase: ")
    assert not recwarn.list  # they would be printed above the line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        *(("run", "Usage: "), ("runn majority", "Usage: ")),
        *(("run majority --seed -1", "seed"), ("run majority --preset x", "quick")),
        *((f"{old} model", f"visbase {new}") for old, new in RENAMED.items()),
    ],
)
def test_wrong_usage_is_status_2_and_no_traceback(arguments: str, words: str) -> None:
    result = visbase(*arguments.split())
    assert result.exit_code == 2
    assert words in result.stderr and "Traceback" not in result.stderr


def test_lists_have_every_method_and_every_dataset() -> None:
    lines = visbase("methods").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(find_methods())
    assert any("classical" in line and "most frequent class" in line for line in lines)
    names = visbase("methods", "--family", "network", "--names").stdout.split()
    assert ("lenet5" in names, "linear" in names) == (True, False)
    names = [line.split()[0] for line in visbase("datasets").stdout.splitlines()]
    assert names == ["cifar10", "cifar100", "fashion_mnist", "imagenet", "mnist"]
    head, *networks = visbase("networks").stdout.splitlines()
    assert head.startswith("network") and head.endswith("source of the errors")
    (vgg,) = (line.split() for line in networks if line.startswith("vgg16"))
    assert vgg[1:5] == ["2014", "16", "138,357,544", "15,470,264,320"]
    assert vgg[5:9] == ["61.0", "212", "24.40", "7.10"]


def test_networks_that_were_evaluated_have_their_errors_listed(
    fresh_folders: Path,
) -> None:
    assert "evaluated here" not in visbase("networks").stdout
    row = ImageNetErrors(
        network="vgg16",
        crops="middle crop",
        n_photographs=200,
        n_wrong_1=50,
        n_wrong_5=13,
        weights="",
    )
    write_rows(artifacts() / "evaluations.csv", ImageNetErrors, [row])
    head, *networks = visbase("networks").stdout.splitlines()
    assert head.endswith("evaluated here  source of the errors")
    assert [line for line in networks if "25.00 / 6.50" in line] == [
        line for line in networks if line.startswith("vgg16")
    ]


@patch.dict(os.environ, RANK="1")  # without WORLD_SIZE there is only one process
def test_quick_run_leaves_a_record_but_no_model(fresh_folders: Path) -> None:
    run = "run majority --preset quick --seed 3 --jobs 1 --device cpu"
    result = visbase(*run.split())
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    # 1,135 of the test images are ones, the most frequent training class
    assert "majority (quick, seed 3): 88.65 % error, 8865 of 10,000" in result.stdout
    home = fresh_folders / "artifacts" / "results" / "quick" / "mnist" / "majority"
    assert read_record(home / "seed3.json").n_correct == 1135
    assert not (fresh_folders / "results").exists()
    assert not list(fresh_folders.rglob("*.visbase"))
    assert (os.environ["VISBASE_JOBS"], os.environ["VISBASE_DEVICE"]) == ("1", "cpu")


def test_absurd_number_of_jobs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for jobs in ("²", "-1", "9" * 30):
        monkeypatch.setenv("VISBASE_JOBS", jobs)
        with pytest.raises(BadInput, match=r"^VISBASE_JOBS=.* 999"):
            n_jobs()


def test_method_that_fails_or_is_killed_fails_the_command_but_not_the_other() -> None:
    options = ["--dataset", "mnist", "--preset", "full", "--seed", "5", "--set", "c=2"]
    for statuses in ((0, 1), (2, 0), (-9, 0)):
        ends = [Mock(returncode=status) for status in statuses]
        with patch.object(subprocess, "run", side_effect=ends) as run:
            result = visbase("run", "svm_rbf", "linear", "--set", "c=2", "--seed", "5")
        commands = [call.args[0][5:] for call in run.call_args_list]
        assert commands == [["svm_rbf", *options], ["linear", *options]]
        assert result.exit_code != 0


def test_torchrun_takes_one_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "torchrun" in refusal("run", "majority", "linear")


def test_interrupted_run_leaves_no_half_written_file(fresh_folders: Path) -> None:
    run = start_visbase(
        *("run", "bovw_grid", "--preset", "quick"),
        # a shell starts its background jobs deaf to Ctrl-C, and so would this one be
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    cache = fresh_folders / "artifacts" / "cache"
    while not list(cache.glob("vocabulary-*.npz")):  # the first stage is done
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert stderr.splitlines()[-1].startswith("visbase: interrupted")
    assert not list(fresh_folders.rglob("*.part"))


@patch("visbase.pipeline.datasets.load_dataset", tiny_dataset)
def test_report_prints_the_table_and_writes_the_files(fresh_folders: Path) -> None:
    add_run(fresh_folders / "results", "linear", range(5))
    readme, out = fresh_folders / "README.md", fresh_folders / "out"
    readme.write_text("\n".join([*TABLE, *FINDINGS]))
    result = visbase("report", "--out", out, "--readme", readme)
    assert result.exit_code == 0
    assert "50.00" in result.stdout
    assert str(out) in result.stderr
    for path in (out / "comparison.md", readme):
        assert "| 50.00 |" in path.read_text()
    assert "linear" in (out / "index.html").read_text()
    for option, place in (("--out", readme / "x"), ("--readme", "/dev/null")):
        result = visbase("report", option, place)
        assert result.exit_code == 2
        assert result.stderr.splitlines()[-1].startswith(f"visbase: {place}")


@pytest.mark.slow
def test_report_depends_on_no_setting_of_the_machine(fresh_folders: Path) -> None:
    style = fresh_folders / "matplotlibrc"
    style.write_text("lines.linewidth: 5\nfont.size: 20\ntext.usetex: True\n")
    odd = {"MPLBACKEND": "module://of_a_notebook", "MATPLOTLIBRC": str(style)}
    odd["PYTHONIOENCODING"] = "ascii"
    for method in ("linear", "lenet5"):  # few records are drawn soon
        place = Path("results", "mnist", method)
        shutil.copytree(ROOT / "reports" / place, fresh_folders / place)
    reports = []
    for name, environment in (("usual", {}), ("odd", odd)):
        out = fresh_folders / name
        report = start_visbase("report", "--out", out, env=os.environ | environment)
        _, stderr = report.communicate()
        assert report.returncode == 0, stderr
        reports.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert reports[0] == reports[1]


def test_curve_divides_a_folder_as_the_advice_says(fresh_folders: Path) -> None:
    for name in ("cat", "dog"):
        noise(fresh_folders / "photos" / name, 10)
    curve = ("curve", "majority", "--dataset", f"folder:{fresh_folders / 'photos'}")
    few = ("--sizes", 4, "--seeds", 1)
    assert "--test-fraction 0.2" in refusal(*curve, *few)
    divided = visbase(*curve, *few, "--test-fraction", 0.2)
    assert divided.exit_code == 0, divided.output
    (line, _) = divided.stdout.splitlines()
    assert line.startswith("majority, 4 images, seed 0: 50.00 % in ")
