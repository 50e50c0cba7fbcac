"""Kill commands at their writes, and a download on the way."""

from __future__ import annotations

import functools
import http.server
import random
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from tests.soak.commands import Command
from tests.soak.fault import Fault, new_folder
from visbase.pipeline.experiments.measured import CurvePoint, read_measurements
from visbase.pipeline.storage import ROOT, results

N_POINTS = 6
N_DOWNLOADS, N_SHORT_DOWNLOADS = 10, 1
MNIST_FILES = ROOT / "pipeline" / "datasets" / "mnist_files"


def dying(moment: str, nth: int) -> tuple[str, ...]:
    """Return the program that is visbase, killed at the nth such moment."""
    return ("-m", "tests.soak.die", moment, str(nth))


def count_moments(command: Command, moment: str, home: Path) -> int:
    done = command.run(home, dying(moment, 0), must_succeed=True)
    return int(done.stdout.split()[-1])


def at_writes(
    command: Command,
    outcome: str,
    short: bool,
    moments: Sequence[str] = ("before", "after"),
    where: str = "before or after every write of `{}`",
) -> Fault:
    """Kill a command before and after each file takes its place, and run it again."""
    problems, trials = [], 0
    with new_folder() as folder:
        command.prepare(folder)
        n_writes = count_moments(command, "before", folder)
    for moment in moments:
        for nth in range(1, 2 if short else n_writes + 1):
            with new_folder() as home:
                trial = f"{moment} write {nth}"
                command.prepare(home)
                done = command.run(home, dying(moment, nth))
                trials += 1
                if done.returncode != -signal.SIGKILL:
                    problems.append(f"{trial}: status {done.returncode}")
                if not command.is_sound(home, nth - (moment == "before")):
                    problems.append(f"{command.name}, {trial}: its files are not sound")
                problems += command.rerun(trial, home)
    return Fault(f"SIGKILL {where.format(command.name)}", trials, outcome, problems)


class Curve(Command):
    """A learning curve; each of its writes adds a point to its table."""

    name = "curve"

    def __init__(self, digits: Path) -> None:
        self.digits = digits
        super().__init__(digits.with_name("curve"))

    def arguments(self, home: Path) -> list[str]:
        dataset = ("--dataset", f"folder:{self.digits}")
        return ["curve", "linear", *dataset, "--sizes", "10,20", "--seeds", "3"]

    def read(self, home: Path) -> list[CurvePoint]:
        """Return every point, without its seconds."""
        return [
            msgspec.structs.replace(point, fit_s=0.0, seconds=0.0)
            for table in home.rglob("linear*.csv")
            for point in read_measurements(table, CurvePoint)
        ]

    def is_sound(self, home: Path, n_writes: int) -> bool:
        return bool(self.read(home) == self.expected[:n_writes])


class Report(Command):
    """The report of the committed records."""

    name = "report"
    variables = MappingProxyType({"VISBASE_RESULTS": str(results())})

    def arguments(self, home: Path) -> list[str]:
        return ["report", "--out", str(home / "report")]

    def read(self, home: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (home / "report").iterdir()}


class Download(Command):
    """A run that downloads MNIST's files from a server of this process."""

    name = "download"

    def __init__(self, server: http.server.ThreadingHTTPServer) -> None:
        url = f"http://127.0.0.1:{server.server_port}/"
        self.program = ("-m", "tests.soak.mirror", url)
        self.expected = _gzip_files(MNIST_FILES)

    def arguments(self, home: Path) -> list[str]:
        return ["run", "majority", "--preset", "quick", "--data", str(home / "data")]

    def read(self, home: Path) -> dict[str, bytes]:
        return _gzip_files(home / "data")


def _gzip_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.gz")}


class SlowHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder a little at a time, so that a kill finds the download open."""

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        while block := source.read(100_000):
            try:
                outputfile.write(block)
            except OSError:  # the client was killed
                return
            time.sleep(0.01)

    def log_message(self, *_: object) -> None:
        pass


def curve(digits: Path, short: bool) -> Fault:
    command = Curve(digits)
    outcome = "earlier points are kept; a second run gives the same points"
    fault = at_writes(command, outcome, short)
    if len(command.expected) != N_POINTS:
        fault.problems.append(f"undisturbed it has {len(command.expected)} points")
    return fault


def report(short: bool) -> Fault:
    outcome = "a second run writes the same files, to the byte"
    with new_folder() as folder:
        command = Report(folder)
    return at_writes(
        command, outcome, short, ("before",), "before each write of the {}"
    )


def download(short: bool) -> Fault:
    dice, problems = random.Random(0), []
    n = N_SHORT_DOWNLOADS if short else N_DOWNLOADS
    handler = functools.partial(SlowHandler, directory=str(MNIST_FILES))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = Download(server)
    for trial in range(n):
        with new_folder() as folder:
            data = folder / "data"
            data.mkdir()
            process = command.start(folder)
            while not any(data.iterdir()) and process.poll() is None:
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 1))
            process.kill()
            process.wait()
            problems += command.rerun(f"trial {trial}", folder)
    server.shutdown()
    outcome = "a second run downloads what is missing; the files are complete"
    return Fault("SIGKILL during the download of MNIST", n, outcome, problems)
