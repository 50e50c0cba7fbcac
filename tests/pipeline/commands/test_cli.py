"""The command line: exit status, one line for bad input, results on standard output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest
from click.testing import CliRunner, Result

from tests.reports.test_compare import add_failure, add_run, tiny_dataset
from visbase.pipeline.commands import main
from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import read_predictions, read_record
from visbase.pipeline.images.blocks import n_jobs
from visbase.pipeline.models.methods import find_methods
from visbase.pipeline.storage import ROOT
from visbase.reports.write import FINDINGS, TABLE


@pytest.fixture(autouse=True)
def alone(fresh_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, results or network of the machine; what a test sets is unset again."""

    def refuse(url: str, **_: object) -> str:
        raise ConnectionError(f"no network in tests: {url}")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    monkeypatch.delenv("VISBASE_DATA", raising=False)
    monkeypatch.setenv("VISBASE_JOBS", "2")


def visbase(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def refusal(*arguments: str) -> str:
    """The single line on standard error of a command that ends with status 2."""
    result = visbase(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("visbase: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("jobs", ["²", "-1", "9" * 30, "two"])
def test_absurd_number_of_jobs_is_one_line(
    jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISBASE_JOBS", jobs)
    with pytest.raises(BadInput, match="expected a number of threads, at most 999"):
        n_jobs()


@pytest.mark.parametrize("command", main.commands)
def test_every_command_helps_with_an_example(command: str) -> None:
    result = visbase(command, "--help")
    assert result.exit_code == 0
    assert f"Example: visbase {command}" in result.stdout


def test_unknown_method_is_told_with_the_known_ones() -> None:
    line = refusal("run", "bow", "--preset", "quick")
    assert "no method 'bow'; there are: bovw_fisher" in line
    assert "no method 'bow'" in refusal("search", "bow")


def test_unknown_method_among_known_ones_stops_before_any_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it ran"))
    assert "no method 'bow'" in refusal("run", "majority", "bow")


def test_unknown_dataset_is_told_with_the_known_ones() -> None:
    line = refusal("run", "majority", "--preset", "quick", "--dataset", "cifar")
    assert "unknown dataset 'cifar'; choose from: fashion_mnist, mnist" in line


def test_unknown_setting_is_told() -> None:
    line = refusal("run", "bovw_grid", "--set", "nwords=3")
    assert "--set nwords=3: expected key=value" in line
    assert "n_words" in line


def test_setting_of_another_type_is_told() -> None:
    line = refusal("run", "bovw_grid", "--set", "n_words=many")
    assert "--set n_words=many: expected int, found str" in line


def test_data_that_is_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    line = refusal("run", "majority", "--data", str(tmp_path / "empty"))
    assert "empty: expected a folder with train-images-idx3-ubyte.gz" in line


def test_data_that_is_an_empty_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    line = refusal("run", "majority", "--data", str(tmp_path / "empty"))
    assert "train-images-idx3-ubyte.gz: missing, and no mirror had it" in line
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "majority", "--seed", "-1"],
        ["run", "majority", "--jobs", "0"],
        ["run", "majority", "--preset", "medium"],
        ["runn", "majority"],
    ],
)
def test_wrong_usage_is_status_2_without_a_traceback(arguments: list[str]) -> None:
    result = visbase(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert "Traceback" not in result.stderr


def test_methods_lists_every_method_file() -> None:
    lines = visbase("methods").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(find_methods())
    assert any("classical" in line and "most frequent class" in line for line in lines)


def test_datasets_lists_every_dataset_file() -> None:
    lines = visbase("datasets").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["fashion_mnist", "mnist"]


def test_quick_run_says_one_line_and_leaves_a_record(fresh_folders: Path) -> None:
    result = visbase("run", "majority", "--preset", "quick", "--seed", "3")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    # 1,135 of the test images are ones, the most frequent training class
    assert "majority (quick, seed 3): 88.65 % error, 8865 of 10,000" in result.stdout
    home = fresh_folders / "artifacts" / "results" / "quick" / "mnist" / "majority"
    record = read_record(home / "seed3.json")
    assert record.n_correct == 1135
    assert set(read_predictions(home / "seed3.json", record)[1]) == {1}
    assert not (fresh_folders / "results").exists()


def test_jobs_reach_the_loops() -> None:
    visbase("run", "majority", "--preset", "quick", "--jobs", "1")
    assert os.environ["VISBASE_JOBS"] == "1"


def test_several_methods_run_each_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "visbase", "run", "majority", "majority"]
    done = subprocess.run(
        [*command, "--preset", "quick", "--seed", "4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line.split(",")[0:2] for line in done.stdout.splitlines()]
    assert said == [["majority (quick", " seed 4): 88.65 % error"]] * 2


@pytest.mark.parametrize("statuses", [(0, 1), (1, 0), (2, 0), (0, -9), (-9, 0)])
def test_one_method_that_fails_or_is_killed_fails_the_command_but_not_the_other(
    monkeypatch: pytest.MonkeyPatch, statuses: tuple[int, int]
) -> None:
    commands = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=statuses[len(commands) - 1])

    monkeypatch.setattr(subprocess, "run", run)
    result = visbase("run", "svm_rbf", "linear", "--set", "c=2", "--seed", "5")
    assert [command[5] for command in commands] == ["svm_rbf", "linear"]
    assert commands[1][6:] == [
        *("--dataset", "mnist", "--preset", "full", "--seed", "5", "--set", "c=2")
    ]
    assert result.exit_code != 0


def test_report_without_records_is_told(fresh_folders: Path) -> None:
    line = refusal("report")
    assert f"{fresh_folders / 'results' / 'mnist'}: no records" in line


def test_report_prints_the_table_and_writes_the_files(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visbase.pipeline.datasets.load_dataset", tiny_dataset)
    add_run(fresh_folders / "results", "linear", range(5))
    add_failure(fresh_folders / "results", "broken", "no memory")
    readme = fresh_folders / "README.md"
    readme.write_text("\n".join([*TABLE, *FINDINGS]))
    result = visbase("report", "--out", f"{fresh_folders}/o", "--readme", str(readme))
    assert result.exit_code == 0
    assert "50.00" in result.stdout
    assert "no memory" in result.stdout
    assert result.stderr == f"written to {fresh_folders}/o\n"
    assert "| 50.00 |" in (fresh_folders / "o" / "comparison.md").read_text()
    assert "| 50.00 |" in readme.read_text()
    assert (fresh_folders / "o" / "comparison.csv").exists()


@pytest.mark.parametrize(
    "setting",
    ["n_words=0", "n_words=-3", "step_px=0", "bin_px=0", "c=0", "c=1e400", "c=-1"],
)
def test_setting_out_of_range_is_one_line(
    setting: str, mnist: Dataset, fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(mnist, train=part(mnist.train, slice(0, 60)))
    monkeypatch.setattr("visbase.pipeline.datasets.load_dataset", lambda *_, **__: few)
    arguments = ["run", "bovw_grid", "--preset", "quick", "--set", setting]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert result.stderr.strip().splitlines()[-1].startswith("visbase: ")


def test_interrupted_run_says_so_and_leaves_no_half_written_file(
    fresh_folders: Path,
) -> None:
    command = [sys.executable, "-m", "visbase", "run", "bovw_grid"]
    run = subprocess.Popen(
        [*command, "--preset", "quick"],
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        # a shell starts its background jobs deaf to Ctrl-C, and so would this one be
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    cache = fresh_folders / "artifacts" / "cache"
    while not list(cache.glob("vocabulary-*.npz")):  # the first stage is done
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert stderr.strip().splitlines()[-1] == (
        "visbase: interrupted; run it again to continue"
    )
    assert not list(fresh_folders.rglob("*.part"))


def test_report_that_cannot_be_written_is_one_line(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visbase.pipeline.datasets.load_dataset", tiny_dataset)
    add_run(fresh_folders / "results", "majority")
    blocked = fresh_folders / "file"
    blocked.write_text("not a folder")
    result = CliRunner().invoke(main, ["report", "--out", str(blocked / "x")])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_report_of_the_first_run_that_is_told_to_users(fresh_folders: Path) -> None:
    assert "`visbase run majority" in refusal("report")
    assert visbase("run", "majority").exit_code == 0
    for folder in fresh_folders.rglob("changed"):  # of uncommitted code
        record = folder / "mnist" / "majority" / "seed0.json"
        text = record.read_text().replace('"dirty": true', '"dirty": false')
        record.write_text(text)
        (fresh_folders / "results").mkdir()
        (folder / "mnist").rename(fresh_folders / "results" / "mnist")
    result = visbase("report", "--out", str(fresh_folders / "out"))
    assert (result.exit_code, result.exception) == (0, None)
    assert "majority" in (fresh_folders / "out" / "index.html").read_text()


def test_readme_that_is_no_file_is_one_line(
    fresh_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visbase.pipeline.datasets.load_dataset", tiny_dataset)
    add_run(fresh_folders / "results", "majority")
    os.mkfifo(fresh_folders / "pipe")
    for readme in (str(fresh_folders / "pipe"), "/dev/null"):
        result = visbase("report", "--readme", readme)
        assert result.exit_code == 2
        assert f"{readme}: cannot be read (Not a regular file)" in result.stderr


def test_torchrun_takes_one_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = visbase("run", "mlp2", "mlp3")
    assert result.exit_code == 2
    assert "torchrun trains one method at a time" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("lenet5", "dropout=1.5"),
        ("lenet5", "label_smoothing=3"),
        ("convnet", "width=0"),
        ("bovw_pyramid", "kernel=foo"),
        ("bovw_fisher", "n_gaussians=0"),
        ("bovw_fisher", "bins_px=()"),
    ],
)
def test_setting_that_makes_no_method_is_one_line(
    arguments: tuple[str, str],
    mnist: Dataset,
    fresh_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = replace(mnist, train=part(mnist.train, slice(0, 60)))
    monkeypatch.setattr("visbase.pipeline.datasets.load_dataset", lambda *_, **__: few)
    method, setting = arguments
    result = visbase("run", method, "--preset", "quick", "--set", setting)
    assert result.exit_code == 2
    assert result.stderr.strip().splitlines()[-1].startswith("visbase: ")
