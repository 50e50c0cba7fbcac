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

    def is_sound(self, home: Path, n_writes: int) -> bool:
        return bool(self.read(home) == self.expected[:n_writes])


def _points(home: Path) -> list[CurvePoint]:
    """Return every point of a learning curve, without its seconds."""
    return [
        msgspec.structs.replace(point, fit_s=0.0, seconds=0.0)
        for table in home.rglob("linear*.csv")
        for point in read_measurements(table, CurvePoint)
    ]


def _files(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob(pattern)}


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
    sizes = ("--sizes", "10,20", "--seeds", "3")
    arguments = ["curve", "linear", "--dataset", f"folder:{digits}", *sizes]
    command = Curve("curve", lambda _home: arguments, _points)
    command.run_undisturbed(digits.with_name("curve"))
    outcome = "earlier points are kept; a second run gives the same points"
    fault = at_writes(command, outcome, short)
    if len(command.expected) != N_POINTS:
        fault.problems.append(f"undisturbed it has {len(command.expected)} points")
    return fault


def report(short: bool) -> Fault:
    """The report of the committed records."""
    command = Command(
        "report",
        lambda home: ["report", "--out", str(home / "report")],
        lambda home: _files(home / "report"),
        VISBASE_RESULTS=str(results()),
    )
    with new_folder() as folder:
        command.run_undisturbed(folder)
    outcome = "a second run writes the same files, to the byte"
    return at_writes(
        command, outcome, short, ("before",), "before each write of the {}"
    )


def download(short: bool) -> Fault:
    """MNIST's files from a server of this process."""
    dice, problems = random.Random(0), []
    n = N_SHORT_DOWNLOADS if short else N_DOWNLOADS
    handler = functools.partial(SlowHandler, directory=str(MNIST_FILES))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    arguments = ["run", "majority", "--preset", "quick", "--data"]
    command = Command(
        "download",
        lambda home: [*arguments, str(home / "data")],
        lambda home: _files(home / "data", "*.gz"),
        ("-m", "tests.soak.mirror", url),
    )
    command.expected = _files(MNIST_FILES, "*.gz")
    for trial in range(n):
        with new_folder() as home:
            data = home / "data"
            data.mkdir()
            process = command.start(home)
            while not any(data.iterdir()) and process.poll() is None:
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 1))
            process.kill()
            process.wait()
            problems += command.rerun(f"trial {trial}", home)
    server.shutdown()
    outcome = "a second run downloads what is missing; the files are complete"
    return Fault("SIGKILL during the download of MNIST", n, outcome, problems)
