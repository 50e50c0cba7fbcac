"""Several runs at the same time in the same folders; corrupt cache entries."""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.soak.commands import MethodRun, method_runs
from tests.soak.fault import Fault, leftovers, make_digits, new_folder, run
from visbase.pipeline.experiments.measured import CurvePoint, read_measurements

N_ROUNDS = 3
N_FLIPS = 6  # of each entry
N_SEEDS = 10  # of each of two learning curves


def faults(short: bool) -> Iterator[Fault]:
    n_rounds = 1 if short else N_ROUNDS
    with new_folder() as folder:
        digits = make_digits(folder / "digits", short)
        for run in method_runs(digits, short):
            yield _same_run(run, (2,) if short else (2, 4) * N_ROUNDS)
            yield _corrupt(run, short)
        yield _same_table(digits, n_rounds)


def _statuses(commands: list[list[str]], home: Path) -> list[int]:
    """Run commands at the same time and return their exit statuses."""
    with ThreadPoolExecutor(len(commands)) as pool:
        ended = pool.map(lambda command: run(command, home), commands)
        return [done.returncode for done in ended]


def _same_run(run: MethodRun, numbers: Sequence[int]) -> Fault:
    problems = []
    for n in numbers:
        with new_folder() as folder:
            statuses = _statuses([run.arguments(folder)] * n, folder)
            if any(statuses):
                problems.append(f"{run.name}, {n} runs: exit statuses {statuses}")
            else:
                problems += run.problems(f"{n} runs", folder)
    listed = " and ".join(map(str, sorted(set(numbers))))
    name = f"{listed} runs of `{run.name}` at the same time, sharing cache and results"
    outcome = "all succeed; predictions, scores and model equal those of a single run"
    return Fault(name, len(numbers), outcome, problems)


def _same_table(digits: Path, n_rounds: int) -> Fault:
    """Two learning curves of one method, with different sizes."""
    problems = []
    curve = ["curve", "linear", "--dataset", f"folder:{digits}", "--seeds"]
    commands = [[*curve, str(N_SEEDS), "--sizes", size] for size in ("10", "20")]
    for _ in range(n_rounds):
        with new_folder() as folder:
            statuses = _statuses(commands, folder)
            (table,) = folder.rglob("linear*.csv")
            n_points = len(read_measurements(table, CurvePoint))
            if any(statuses) or n_points != 2 * N_SEEDS:
                problems.append(f"exit statuses {statuses}, {n_points} points")
            problems += [f"{path} was left" for path in leftovers(folder)]
    name = "2 `curve` commands at the same time, sharing a table"
    outcome = f"the table contains all {2 * N_SEEDS} points"
    return Fault(name, n_rounds, outcome, problems)


def _corrupt(run: MethodRun, short: bool) -> Fault:
    dice, problems, trials, n_detected = random.Random(0), [], 0, 0
    entries = sorted((run.home / "artifacts" / "cache").iterdir())
    for entry in entries:
        other = next((path for path in entries if path != entry), entry)
        contents = _corruptions(entry.read_bytes(), other.read_bytes(), dice)
        for corruption, content in list(contents.items())[: 1 if short else None]:
            trials += 1
            entry.write_bytes(content)
            done = run.run(run.home)
            trial = f"{entry.name} {corruption}"
            if done.returncode:
                problems.append(f"{run.name}, {trial}: {done.stderr[-300:]}")
            else:
                problems += run.problems(trial, run.home)
            n_lines = done.stderr.count("is damaged")
            n_detected += n_lines
            if n_lines > 1 or not (n_lines or corruption.startswith("bit flipped")):
                problems.append(f"{run.name}, {trial}: reported {n_lines} times")
    name = f"cache entries of `{run.name}` truncated, emptied, replaced or bit-flipped"
    outcome = f"{n_detected} entries detected and rebuilt, the others harmless"
    return Fault(name, trials, f"same results; {outcome}", problems)


def _corruptions(content: bytes, other: bytes, dice: random.Random) -> dict[str, bytes]:
    corruptions = {
        "truncated": content[: dice.randrange(len(content))],
        "empty": b"",
        "replaced by another": other if other != content else b"",
    }
    for _ in range(N_FLIPS):
        place = dice.randrange(len(content))
        flipped = bytearray(content)
        flipped[place] ^= 1 << dice.randrange(8)
        corruptions[f"bit flipped at {place}"] = bytes(flipped)
    return corruptions
