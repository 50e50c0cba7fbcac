"""Commands that are disturbed, run again and compared with an undisturbed run."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from tests.soak.fault import VISBASE, Ended, leftovers, run

# small runs that pass through every stage, and shorter ones of the same name
RUNS = {"bovw_pyramid": ("n_words=60", "copies=1"), "lenet5": ("epochs=8",)}
EARLIER = {"bovw_pyramid": "n_words=20", "lenet5": "epochs=2"}


@dataclass
class Command:
    """A command that keeps its files under a folder, `home`.

    `arguments` gives the command line for a home; `read` gives what every run must
    write alike; `program` and `variables` are those of the process.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    read: Callable[[Path], Any]
    program: Sequence[str] = VISBASE
    variables: Mapping[str, str] = field(default_factory=dict)
    expected: Any = None

    def run_undisturbed(self, home: Path) -> None:
        """Run the command and expect what it wrote from every later run."""
        started = time.perf_counter()
        self.run(home, must_succeed=True)
        self.seconds = time.perf_counter() - started
        self.expected = self.read(home)

    def prepare(self, home: Path) -> None:
        """Write what is there before the command is disturbed."""

    def is_sound(self, home: Path, n_writes: int) -> bool:
        """Whether a command that was stopped after so many writes left sound files."""
        return True

    def run(self, home: Path, program: Sequence[str] = (), **options: Any) -> Ended:
        options["variables"] = {**self.variables, **options.get("variables", {})}
        return run(self.arguments(home), home, program or self.program, **options)

    def rerun(self, trial: str, home: Path, **options: Any) -> list[str]:
        """Run the command again, undisturbed, and return what is wrong then."""
        done = self.run(home, **options)
        if done.returncode:
            return [f"{self.name}, {trial}: the rerun failed: {done.stderr[-300:]}"]
        return self.problems(trial, home)

    def problems(self, trial: str, home: Path) -> list[str]:
        """Return what is wrong with the files of a command that succeeded."""
        same = self.read(home) == self.expected
        wrong = [] if same else ["other results"]
        wrong += [f"{path} was left" for path in leftovers(home)]
        return [f"{self.name}, {trial}: {problem}" for problem in wrong]


class MethodRun(Command):
    """A small run on a folder of digits that saves its model as well."""

    def __init__(self, method: str, digits: Path) -> None:
        super().__init__(method, partial(run_arguments, method, digits), read_run)
        self.home = digits.with_name(method)
        self.run_undisturbed(self.home)
        home = digits.with_name(f"earlier {method}")
        shorter = [*self.arguments(home), "--set", EARLIER[method]]
        run(shorter, home, must_succeed=True)
        self.earlier = home / "artifacts" / "results"

    def prepare(self, home: Path) -> None:
        """Put the record of the shorter run where the run will write its own."""
        results = home / "artifacts" / "results"
        shutil.copytree(self.earlier, results, dirs_exist_ok=True)

    def is_sound(self, home: Path, n_writes: int = 0) -> bool:
        return not is_torn(home, self.earlier, self.expected)


def method_runs(digits: Path, short: bool) -> Iterator[MethodRun]:
    for method in list(RUNS)[: 1 if short else None]:
        yield MethodRun(method, digits)


def run_arguments(method: str, digits: Path, home: Path) -> list[str]:
    """Return the command line of a method's small run; the last two save its model."""
    settings = [word for setting in RUNS[method] for word in ("--set", setting)]
    data = ("--dataset", f"folder:{digits}", "--save", str(home / "model"))
    return ["run", method, "--preset", "quick", *settings, *data]


def read_run(home: Path) -> dict[str, bytes]:
    """Return a run's predictions, scores and the arrays of its model, as bytes."""
    arrays = (home / "artifacts" / "results").rglob("*.npy")
    contents = {path.name: path.read_bytes() for path in arrays}
    for name, array in load_file(home / "model").items():
        contents[f"model {name}"] = array.tobytes()
    return contents


def read_record(results: Path) -> dict[str, bytes]:
    """Return every finished file of a folder of results, by name."""
    paths = (path for path in results.rglob("seed*") if path.suffix != ".part")
    return {path.name: path.read_bytes() for path in paths}


def is_torn(home: Path, earlier: Path, expected: dict[str, bytes]) -> bool:
    """Whether a stopped run left neither the earlier record nor its own, complete.

    Between the two there may be arrays without a JSON file, which is no record.
    """
    record, before = read_record(home / "artifacts" / "results"), read_record(earlier)
    if record == before or "seed0.json" not in record:
        return False
    own = {name: data for name, data in expected.items() if name.endswith(".npy")}
    arrays = {name: data for name, data in record.items() if name.endswith(".npy")}
    return arrays != own or record["seed0.json"] == before["seed0.json"]
