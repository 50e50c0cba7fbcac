"""Kill commands at random moments, inside every stage, and at every write."""

import functools
import http.server
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.soak.commands import Command, MethodRun, method_runs
from tests.soak.fault import Fault, make_digits, new_folder
from visbase.pipeline.experiments.measured import CurvePoint, read_measurements
from visbase.pipeline.storage import ROOT, results

N_RANDOM = 10  # trials of each run; the short form has one
N_INSIDE = 4  # trials of each stage; the short form has none
TRIES = 10  # of each kill at random: a run may finish before
MNIST_FILES = ROOT / "pipeline" / "datasets" / "mnist_files"
DYING = ("-m", "tests.soak.die")  # visbase, killed at the nth moment of a kind
# visbase that downloads MNIST from another place
MIRRORED = """
from visbase.pipeline.commands import main
from visbase.pipeline.datasets import mnist
mnist.MIRRORS = ("http://127.0.0.1:{}/",)
main()
"""
ENDS = {"record": "write_record", "saving the model": "save_model"}
FUNCTIONS = {  # run -> stage -> the function inside which it is killed
    "bovw_pyramid": {
        "vocabulary": "learn_vocabulary",
        "extraction": "DenseSift.extract",
        "projection": "fit_projection",
        "encoding": "BagOfWords.vectors",
        "SVM": "fit_svm",
        **ENDS,
    },
    "lenet5": {"epoch": "train", **ENDS},
}
# what is on disk, the last stage first -> where the run was
STAGES = (
    ("model*", "saving the model"),
    ("artifacts/results", "record"),
    ("artifacts/cache/svm-*", "second machine or scores"),
    ("artifacts/cache/features-*", "support vectors"),
    ("artifacts/cache/projection*", "encoding"),
    ("artifacts/cache/vocabulary-*", "projection"),
    ("artifacts/cache/network-*", "an epoch"),
    ("train-images*", "downloading"),
)
N_FACTS = 2  # files about photographs: what each shows, and which are copies
SAME = "a second run gives the same predictions, scores and model, to the byte"


def faults(short: bool) -> Iterator[Fault]:
    with new_folder() as folder:
        digits = make_digits(folder / "digits", short)
        for run in method_runs(digits, short):
            yield _at_random(run, SAME, short)
            if not short:
                yield _inside(run)
            yield _at_writes(run, SAME, short)
        yield _curve(digits, short)
    yield _report(short)
    yield _download(short)


def _at_random(run: Command, outcome: str, short: bool) -> Fault:
    dice, seconds, n = random.Random(0), run.seconds, 1 if short else N_RANDOM
    stages, problems = Counter[str](), []
    for trial in range(TRIES * n):
        if stages.total() == n:
            break
        with new_folder() as home:
            started = time.perf_counter()
            try:
                # most of what comes before is imports
                done = run.run(home, timeout=dice.uniform(0.3 * seconds, seconds))
                seconds = time.perf_counter() - started  # its present speed
                if done.returncode:
                    problems.append(f"{run.name}, trial {trial}: it failed by itself")
            except subprocess.TimeoutExpired:  # it was killed
                reached = [name for files, name in STAGES if any(home.glob(files))]
                stages[reached[0] if reached else "before its first file"] += 1
                problems += run.rerun(f"trial {trial}", home)
    if stages.total() < n:
        killed = f"{stages.total()} of {TRIES * n} runs"
        problems.append(f"{run.name}: only {killed} were killed in time")
    where = ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
    name = f"SIGKILL at a random moment of `{run.name}`: {where}"
    return Fault(name, stages.total(), outcome, problems)


def _inside(run: MethodRun) -> Fault:
    """Kill at random calls inside each stage; an undisturbed run counts the calls."""
    dice, problems, counts = random.Random(0), [], Counter[str]()
    for stage, function in FUNCTIONS[run.name].items():
        moment = f"during:{function}"
        with new_folder() as folder:
            n_calls = _count_moments(run, moment, folder)
        for _ in range(N_INSIDE):
            with new_folder() as home:
                nth = dice.randint(1, n_calls)
                status = run.run(home, (*DYING, moment, str(nth))).returncode
                trial = f"{stage}, call {nth} of {n_calls}"
                counts[stage] += status == -signal.SIGKILL
                if status not in (0, -signal.SIGKILL):
                    problems.append(f"{run.name}, {trial}: status {status}")
                problems += run.rerun(trial, home)
    missed = [stage for stage, count in counts.items() if not count]
    problems += [f"{run.name}: no kill in {stage}" for stage in missed]
    where = ", ".join(f"{stage} {count}" for stage, count in counts.items())
    name = f"SIGKILL at a random call inside each stage of `{run.name}`: {where}"
    return Fault(name, counts.total(), SAME, problems)


def _count_moments(command: Command, moment: str, home: Path) -> int:
    done = command.run(home, (*DYING, moment, "0"), must_succeed=True)
    return int(done.stdout.split()[-1])


def _at_writes(command: Command, outcome: str, short: bool, at_least: int = 1) -> Fault:
    """Kill a command before and after each of its writes, and run it again."""
    problems, trials = [], 0
    with new_folder() as folder:
        command.prepare(folder)
        n_writes = max(at_least, _count_moments(command, "before", folder))
    for moment in ("before", "after"):
        for nth in range(1, 2 if short else n_writes + 1):
            with new_folder() as home:
                trial = f"{moment} write {nth}"
                command.prepare(home)
                status = command.run(home, (*DYING, moment, str(nth))).returncode
                trials += 1
                if status != -signal.SIGKILL:
                    problems.append(f"{command.name}, {trial}: status {status}")
                if not command.is_sound(home, nth - (moment == "before")):
                    problems.append(f"{command.name}, {trial}: its files are not sound")
                problems += command.rerun(trial, home)
    name = f"SIGKILL before or after every write of `{command.name}`"
    return Fault(name, trials, outcome, problems)


class Curve(Command):
    """A learning curve; after the facts of its photographs, each write adds a point."""

    def is_sound(self, home: Path, n_writes: int) -> bool:
        points = self.read(home)
        is_complete = len(points) >= n_writes - N_FACTS
        return bool(is_complete and points == self.expected[: len(points)])


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
            time.sleep(0.03)

    def log_message(self, *_: object) -> None:
        pass


def _curve(digits: Path, short: bool) -> Fault:
    sizes = ("--sizes", "10,20", "--seeds", "3")  # six points
    arguments = ["curve", "linear", "--dataset", f"folder:{digits}", *sizes]
    command = Curve("curve", lambda _home: arguments, _points)
    command.run_undisturbed(digits.with_name("curve"))
    outcome = "earlier points are kept; a second run gives the same points"
    return _at_writes(command, outcome, short, at_least=6)


def _report(short: bool) -> Fault:
    """The report of the committed records."""
    command = Command(
        "report",
        lambda home: ["report", "--out", str(home / "report")],
        lambda home: _files(home / "report"),
        variables={"VISBASE_RESULTS": str(results())},
    )
    with new_folder() as folder:
        command.run_undisturbed(folder)
    outcome = "a second run writes the same files, to the byte"
    return _at_writes(command, outcome, short, len(command.expected))


def _download(short: bool) -> Fault:
    """MNIST's files from a server of this process."""
    handler = functools.partial(SlowHandler, directory=str(MNIST_FILES))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = Command(
        "download",
        lambda home: ["run", "majority", "--preset", "quick", "--data", str(home)],
        lambda home: _files(home, "*.gz"),
        ("-c", MIRRORED.format(server.server_port)),
    )
    with new_folder() as folder:
        command.run_undisturbed(folder)
    outcome = "a second run downloads what is missing; the files are complete"
    fault = _at_random(command, outcome, short)
    server.shutdown()
    return fault
