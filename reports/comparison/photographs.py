"""What every method says about every tested photograph, as data for the page's script.

`majority` is left out: it is wrong about whole classes, whatever they show.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visbase.pipeline.experiments.records import CHANCE
from visbase.reports.comparison.contestants import Answers, Contestant

EVIDENCE_CHARS = 2_500_000  # of base64, all maps together

# predicted class, its probability and that of the true class in percent (None: unknown)
Answer = tuple[int, int | None, int | None]


@dataclass(frozen=True)
class Test:
    """A photograph in one split: positions, and one answer per method.

    A method that failed on the split has None.
    """

    photograph: int
    split: int
    answers: Sequence[Answer | None]


@dataclass(frozen=True)
class Photographs:
    """n photographs, each tested in one or more splits.

    names (n,); truth (n,) class indices; evidence: by position of the method, maps by
    position of the test, see `evidence_maps`.
    """

    methods: Sequence[str]
    n_splits: int
    names: Sequence[str]
    truth: Sequence[int]
    tests: Sequence[Test]
    evidence: dict[int, dict[int, NDArray[np.int8]]]

    @property
    def misclassified(self) -> list[bool]:
        """Whether any method is wrong about the photograph in any split, (n,)."""
        wrong = [False] * len(self.names)
        for test in self.tests:
            truth = self.truth[test.photograph]
            if any(a is not None and a[0] != truth for a in test.answers):
                wrong[test.photograph] = True
        return wrong


def with_a_chance(contestants: Sequence[Contestant]) -> list[Contestant]:
    """Return the contestants that have answers and look at the photographs."""
    return [one for one in contestants if one.answers and one.method != CHANCE]


def gather(contestants: Sequence[Contestant]) -> Photographs:
    """Collect the photographs that the methods with a chance were tested on."""
    able = with_a_chance(contestants)
    by_split: dict[int, list[Answers | None]] = {}  # seed -> answers, one per method
    for k, contestant in enumerate(able):
        for answers in contestant.answers:
            row = by_split.setdefault(answers.record.seed, [None] * len(able))
            row[k] = answers
    place: dict[str, int] = {}
    truth: list[int] = []
    tests: list[Test] = []
    evidence: dict[int, dict[int, NDArray[np.int8]]] = {}
    for split, seed in enumerate(sorted(by_split)):
        columns = [_answers_by_name(answers) for answers in by_split[seed]]
        position: dict[str, int] = {}  # in tests
        for answers in filter(None, by_split[seed]):
            names = answers.record.test_names
            for name, label in zip(names, answers.truth.tolist(), strict=True):
                if name not in place:
                    place[name] = len(truth)
                    truth.append(label)
                position.setdefault(name, len(tests) + len(position))
        tests += [
            Test(place[name], split, [column.get(name) for column in columns])
            for name in position
        ]
        for k, found in enumerate(by_split[seed]):
            if found is not None and "evidence" in found.extras:
                wrong = np.flatnonzero(~found.right)  # the first of them have maps
                maps = zip(wrong, found.extras["evidence"], strict=False)
                evidence.setdefault(k, {}).update(
                    (position[found.record.test_names[row]], drawn)
                    for row, drawn in maps
                )
    return Photographs(
        [one.method for one in able], len(by_split), list(place), truth, tests, evidence
    )


def _answers_by_name(answers: Answers | None) -> dict[str, Answer]:
    if answers is None:
        return {}
    predicted = answers.prediction.tolist()
    probabilities = answers.extras.get("probabilities")
    sure: Sequence[int | None] = [None] * len(predicted)
    of_truth = sure
    if probabilities is not None:
        percents = np.rint(100 * probabilities.astype(np.float64)).astype(int)
        rows = np.arange(len(percents))
        sure = percents[rows, answers.prediction].tolist()
        of_truth = percents[rows, answers.truth].tolist()
    rows_of = zip(predicted, sure, of_truth, strict=True)
    return dict(zip(answers.record.test_names, rows_of, strict=True))


def evidence_maps(photographs: Photographs) -> dict[int, dict[str, Any]]:
    """Encode the maps: method -> h, w and, by test, base64 of (h, w) int8.

    Maps are shrunk to small squares if they would make the page too large.
    """
    n_maps = sum(len(maps) for maps in photographs.evidence.values())
    most = max(4, math.isqrt(EVIDENCE_CHARS * 3 // 4 // max(n_maps, 1)))
    encoded = {}
    for k, maps in photographs.evidence.items():
        height, width = next(iter(maps.values())).shape
        if height * width > most**2:
            height = width = most
        encoded[k] = {
            "h": height,
            "w": width,
            "maps": {
                test: base64.b64encode(_resized(drawn, height, width)).decode()
                for test, drawn in maps.items()
            },
        }
    return encoded


def _resized(drawn: NDArray[np.int8], height: int, width: int) -> bytes:
    values = drawn.astype(np.float32)
    if values.shape != (height, width):
        picture = Image.fromarray(values)
        values = np.asarray(picture.resize((width, height), Image.Resampling.BOX))
    return np.rint(values).astype(np.int8).tobytes()
