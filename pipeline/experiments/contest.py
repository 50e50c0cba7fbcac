"""Several methods on the same splits of a folder, each in a process of its own.

Records of earlier runs count as long as nothing has changed, so that a comparison that
was killed continues, and one more method is all that is computed when it is added.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.contestant import Task, find_record, load_split
from visbase.pipeline.experiments.records import CHANCE, CURVE_PARTS, read_record
from visbase.pipeline.experiments.run import OWN_PROGRAM
from visbase.pipeline.models.methods import MethodFile, find_method

CONTESTANTS = (CHANCE, "pretrained", "bovw_fisher", "resnet")
SPLITS = 5  # random ones, unless the number is given
SLOW_MS = 80  # a slower method gets one split, unless the number is given

Report = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    """A method of the comparison: its records, one per split, or why it has none.

    parts: records after training on CURVE_PARTS of the first split, without the last, a
    half, if the method is among the two best and had to be fitted anew for them.
    """

    method: str
    records: Sequence[Path]
    failure: str | None = None
    parts: Sequence[Path] = ()


class Contest:
    """Compares methods on a folder.

    preset: "full" or "quick"; repeats: number of random splits, None for the default;
    splitting: arguments of `load_folder`; results: folder of the records. Raises
    BadInput for an unknown method or a fault of the folder.
    """

    def __init__(
        self,
        root: Path,
        methods: Sequence[str],
        preset: str,
        repeats: int | None,
        splitting: Mapping[str, Any],
        results: Path,
    ) -> None:
        self.methods = [find_method(name) for name in methods]
        self.repeats = repeats
        self.task = Task(
            methods[0], str(root), preset, [0], dict(splitting), str(results)
        )
        is_random = {"train_per_class", "test_fraction"} & splitting.keys()
        if repeats and not is_random:
            raise BadInput("the folder has its own split; leave out --repeats")
        n = repeats or (SPLITS if preset == "full" else 1)
        self.splits = [
            load_split(self.task, seed) for seed in range(n if is_random else 1)
        ]

    def seconds(self) -> float:
        """Estimate the time of all runs without a record, on two cores."""
        total_ms = 0.0
        for method in self.methods:
            fit_ms, test_ms = method.pace or (0.0, 0.0)
            for seed in self._missing(self._task(method)):
                split = self.splits[seed]
                total_ms += fit_ms * len(split.train) + test_ms * len(split.test)
        return total_ms / 1000

    def run(self, report: Report) -> list[Entry]:
        """Run what has no record; each result is reported in one line."""
        entries = [self._enter(method, report) for method in self.methods]
        best = self._two_best(entries)
        return [
            self._with_parts(entry, report) if entry.method in best else entry
            for entry in entries
        ]

    def _task(self, method: MethodFile) -> Task:
        slow = method.pace is not None and method.pace[0] > SLOW_MS
        n = 1 if slow and self.repeats is None else len(self.splits)
        return msgspec.structs.replace(
            self.task, method=method.name, seeds=list(range(n))
        )

    def _missing(self, task: Task) -> list[int]:
        return [
            seed
            for seed in task.seeds
            if find_record(task, self._split(task, seed), seed) is None
        ]

    def _split(self, task: Task, seed: int) -> Dataset:
        usual = task.part == 1 and not task.unlabelled
        return self.splits[seed] if usual else load_split(task, seed)

    def _enter(self, method: MethodFile, report: Report) -> Entry:
        task = self._task(method)
        failure = self._run_missing([task], report)
        done = [seed for seed in task.seeds if seed not in self._missing(task)]
        return Entry(method.name, [self._path(task, seed) for seed in done], failure)

    def _path(self, task: Task, seed: int) -> Path:
        return task.record_path(self.splits[0], seed)

    def _run_missing(self, tasks: Sequence[Task], report: Report) -> str | None:
        """Run tasks of a method in one process; return why it failed, if it did."""
        missing = [msgspec.structs.replace(t, seeds=self._missing(t)) for t in tasks]
        missing = [task for task in missing if task.seeds]
        if not missing:
            return None
        n, total = (sum(len(t.seeds) for t in some) for some in (missing, tasks))
        report(f"{tasks[0].method}: {n} of {total} runs to do")
        return run_in_own_process(missing, report)

    def classify(self, method: str, report: Report) -> Path | None:
        """Train a method on all labelled images and classify those without a label.

        Returns the record, or None if the folder has no unlabelled images.
        """
        if self.splits[0].unlabelled is None:
            return None
        task = msgspec.structs.replace(
            self.task,
            method=method,
            unlabelled=True,
            results=f"{self.task.results}/unlabelled",
        )
        failed = self._run_missing([task], report) is not None
        return None if failed else self._path(task, 0)

    def _two_best(self, entries: Sequence[Entry]) -> list[str]:
        """Return the two methods that are most accurate on the first split, by name."""
        able = [entry for entry in entries if entry.records and entry.method != CHANCE]
        records = [read_record(entry.records[0]) for entry in able]
        records.sort(key=lambda record: -(record.n_correct or 0))
        return [record.method for record in records[:2]]

    def _with_parts(self, entry: Entry, report: Report) -> Entry:
        """Measure a learning curve, unless the records have one already."""
        if not entry.records[0].with_suffix(".half.npy").exists():
            return entry  # which has a curve, or too few images for one
        tasks = [
            msgspec.structs.replace(
                self.task,
                method=entry.method,
                part=part,
                results=f"{self.task.results}/part-{part}",
            )
            for part in CURVE_PARTS[:-1]
        ]
        if self._run_missing(tasks, report) is not None:
            return entry
        return replace(entry, parts=[self._path(task, 0) for task in tasks])


def run_in_own_process(tasks: Sequence[Task], report: Report) -> str | None:
    """Run tasks, so that their peak memory is their own; return why they failed."""
    child = subprocess.Popen(
        [*OWN_PROGRAM, "contestant", json.dumps(msgspec.to_builtins(tasks))],
        stdin=subprocess.PIPE,  # the child ends when this end is closed
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    last = ""
    for line in child.stdout:
        last = line.strip()
        report(last)
    status = child.wait()
    if status < 0:
        return f"killed by signal {-status}"
    return last.partition("failed: ")[2] or f"status {status}" if status else None
