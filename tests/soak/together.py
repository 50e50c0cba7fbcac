"""Several runs at the same time in the same folders; corrupt cache entries."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.soak.fault import (
    RUNS,
    Fault,
    command,
    leftovers,
    make_digits,
    outcome_of,
    places,
    visbase,
)
from visbase.pipeline.experiments.measured import CurvePoint, read_measurements
from visbase.pipeline.storage import ROOT

ROUNDS, SHORT_ROUNDS = 3, 1
FLIPS = 6  # of each entry
SEEDS = 10  # of each of two learning curves


def faults(short: bool) -> Iterator[Fault]:
    with tempfile.TemporaryDirectory() as folder:
        digits = make_digits(Path(folder) / "digits")
        for method in list(RUNS)[: 1 if short else None]:
            home = Path(folder) / method
            done = visbase(command(method, digits, home), places(home))
            if done.returncode:
                yield Fault(f"{method} undisturbed", 1, "failed", [done.stderr[-300:]])
                continue
            golden = outcome_of(home)
            yield _at_once(method, digits, golden, SHORT_ROUNDS if short else ROUNDS)
            yield _damaged(method, digits, home, golden, short)
        yield _one_table(digits, SHORT_ROUNDS if short else ROUNDS)


def _at_once(method: str, digits: Path, golden: dict[str, bytes], rounds: int) -> Fault:
    bad, trials = [], 0
    for _ in range(rounds):
        for n in (2, 4):
            trials += 1
            with tempfile.TemporaryDirectory() as folder:
                home = Path(folder)
                processes = [
                    subprocess.Popen(
                        [
                            sys.executable,
                            "-m",
                            "visbase",
                            *command(method, digits, home),
                        ],
                        env=places(home),
                        cwd=ROOT,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                    for _ in range(n)
                ]
                states = [process.wait(timeout=600) for process in processes]
                if any(states):
                    bad.append(f"{method}, {n} at once: exit statuses {states}")
                elif outcome_of(home) != golden:
                    bad.append(f"{method}, {n} at once: other results")
                bad += [f"{method}: {path} was left" for path in leftovers(home)]
    return Fault(
        f"2 and 4 runs of `{method}` at the same time, sharing cache and results",
        trials,
        "all succeed; predictions, scores and model equal those of a single run",
        bad,
    )


def _one_table(digits: Path, rounds: int) -> Fault:
    """Two learning curves of one method at once, of other sizes."""
    bad = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            both = [
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "visbase", "curve", "linear"),
                        *("--dataset", f"folder:{digits}", "--sizes", size),
                        *("--seeds", str(SEEDS)),
                    ],
                    env=places(home),
                    cwd=ROOT,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for size in ("10", "20")
            ]
            states = [process.wait(timeout=600) for process in both]
            (table,) = home.rglob("linear*.csv")
            n_points = len(read_measurements(table, CurvePoint))
            if any(states) or n_points != 2 * SEEDS:
                bad.append(f"exit statuses {states}, {n_points} points")
            bad += [f"{path} was left" for path in leftovers(home)]
    name = "2 `curve` commands at the same time, sharing a table"
    return Fault(name, rounds, f"the table contains all {2 * SEEDS} points", bad)


def _damaged(
    method: str, digits: Path, home: Path, golden: dict[str, bytes], short: bool
) -> Fault:
    dice, bad, trials, noticed = random.Random(0), [], 0, 0
    entries = sorted((home / "artifacts" / "cache").iterdir())
    for entry in entries:
        whole = entry.read_bytes()
        other = next((e for e in entries if e != entry), entry).read_bytes()
        damaged = {
            "truncated": whole[: dice.randrange(len(whole))],
            "empty": b"",
            "replaced by another": other if other != whole else b"",
        }
        for _ in range(FLIPS):
            place = dice.randrange(len(whole))
            flipped = bytearray(whole)
            flipped[place] ^= 1 << dice.randrange(8)
            damaged[f"bit flipped at {place}"] = bytes(flipped)
        for how, content in list(damaged.items())[: 1 if short else None]:
            trials += 1
            entry.write_bytes(content)
            done = visbase(command(method, digits, home), places(home))
            what = f"{method}, {entry.name} {how}"
            if done.returncode or outcome_of(home) != golden:
                bad.append(f"{what}: {done.stderr[-300:] or 'other results'}")
            lines = done.stderr.count("is damaged")
            if not lines and not how.startswith("bit flipped"):
                bad.append(f"{what}: not noticed")
            noticed += lines
            if lines > 1:
                bad.append(f"{what}: told {lines} times")
    return Fault(
        f"cache entries of `{method}` truncated, emptied, replaced or bit-flipped",
        trials,
        f"same results; {noticed} entries detected and rebuilt, the others harmless",
        bad,
    )
