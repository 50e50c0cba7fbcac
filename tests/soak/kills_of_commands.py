"""Kill other commands than `run`: a learning curve, the report, a download."""

from __future__ import annotations

import functools
import http.server
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from tests.soak.fault import Fault, leftovers, places, visbase
from visbase.pipeline.experiments.measured import CurvePoint, read_measurements
from visbase.pipeline.storage import ROOT, results

CURVE_POINTS, N_POINTS = ("--sizes", "10,20", "--seeds", "3"), 6
DOWNLOADS, SHORT_DOWNLOADS = 10, 1


def curve(digits: Path, short: bool) -> Fault:
    """A learning curve, killed beside every write of its table."""
    arguments = ["curve", "linear", "--dataset", f"folder:{digits}", *CURVE_POINTS]
    bad, trials = [], 0
    with tempfile.TemporaryDirectory() as folder:
        visbase(arguments, places(Path(folder)))
        golden = _points(Path(folder))
    for moment in ("before", "after"):
        for nth in range(1, 2 if short else N_POINTS + 1):
            with tempfile.TemporaryDirectory() as folder:
                home, what = Path(folder), f"curve, {moment} write {nth}"
                die = ("tests.soak.die", moment, str(nth))
                done = visbase(arguments, places(home), die)
                trials += 1
                if done.returncode != -signal.SIGKILL:
                    bad.append(f"{what}: status {done.returncode}")
                kept = nth - (moment == "before")
                if _points(home) != golden[:kept]:
                    bad.append(f"{what}: other points than the first {kept}")
                done = visbase(arguments, places(home))
                if done.returncode or _points(home) != golden:
                    bad.append(f"{what}: other points {done.stderr[-200:]}")
                bad += [f"{what}: {path} was left" for path in leftovers(home)]
    name = "SIGKILL before or after every write of `curve`"
    outcome = "earlier points are kept; a second run gives the same points"
    if len(golden) != N_POINTS:
        bad.append(f"undisturbed it has {len(golden)} points")
    return Fault(name, trials, outcome, bad)


def _points(home: Path) -> list[CurvePoint]:
    """Every point of a learning curve but its seconds."""
    return [
        msgspec.structs.replace(row, fit_s=0.0, seconds=0.0)
        for table in home.rglob("linear*.csv")
        for row in read_measurements(table, CurvePoint)
    ]


def report(short: bool) -> Fault:
    """The report of the committed records, killed beside each of its files."""
    bad, trials = [], 0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        here = places(Path(folder), VISBASE_RESULTS=str(results()))
        done = visbase(["report", "--out", str(whole)], here)
        if done.returncode:
            return Fault("report", 1, "failed", [done.stderr[-300:]])
        golden = {path.name: path.read_bytes() for path in whole.iterdir()}
        for nth in range(1, 2 if short else len(golden) + 1):
            out = Path(folder) / f"killed{nth}"
            arguments = ["report", "--out", str(out)]
            done = visbase(arguments, here, ("tests.soak.die", "before", str(nth)))
            trials += 1
            if done.returncode != -signal.SIGKILL:
                bad.append(f"report, write {nth}: status {done.returncode}")
            done = visbase(arguments, here)
            found = {path.name: path.read_bytes() for path in out.iterdir()}
            if done.returncode or found != golden:
                bad.append(f"report, write {nth}: other files {done.stderr[-200:]}")
    name = "SIGKILL before each write of the report"
    return Fault(name, trials, "a second run writes the same files, to the byte", bad)


class _Slow(http.server.SimpleHTTPRequestHandler):
    """Serves a folder a little at a time, so that a kill finds the download open."""

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        while block := source.read(100_000):
            try:
                outputfile.write(block)
            except OSError:  # the other side was killed
                return
            time.sleep(0.01)

    def log_message(self, *_: object) -> None:
        pass


def download(short: bool) -> Fault:
    """MNIST's files from a server of our own, killed on the way."""
    dice, bad = random.Random(0), []
    n = SHORT_DOWNLOADS if short else DOWNLOADS
    source = ROOT / "pipeline" / "datasets" / "mnist_files"
    handler = functools.partial(_Slow, directory=str(source))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mirror = f"http://127.0.0.1:{server.server_port}/"
    for trial in range(n):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "data"
            home.mkdir()
            arguments = ["run", "majority", "--preset", "quick", "--data", str(home)]
            module = ("tests.soak.mirror", mirror)
            here = places(Path(folder))
            process = subprocess.Popen(
                [sys.executable, "-m", *module, *arguments],
                env=here,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while not any(home.iterdir()) and process.poll() is None:
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 1))
            process.send_signal(signal.SIGKILL)
            process.wait()
            done = visbase(arguments, here, module)
            if done.returncode:
                bad.append(f"download, trial {trial}: {done.stderr[-300:]}")
            for path in source.glob("*.gz"):
                if (home / path.name).read_bytes() != path.read_bytes():
                    bad.append(f"download, trial {trial}: another {path.name}")
            bad += [f"download, trial {trial}: {p} was left" for p in leftovers(home)]
    server.shutdown()
    name = "SIGKILL during the download of MNIST"
    return Fault(
        name, n, "a second run downloads what is missing; the files are complete", bad
    )
