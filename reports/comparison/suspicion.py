"""Files of a folder that need a second look before its numbers are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import printable
from visbase.reports.comparison.contestants import Answers, Contestant
from visbase.reports.comparison.photographs import with_a_chance

MORE_LIKELY = 0.5  # than all other classes together
MOST_NAMED = 4  # files in a sentence


@dataclass(frozen=True)
class Suspicion:
    """Files that are suspicious for one reason; names as in the records."""

    kind: Literal["mislabelled", "duplicates", "blank"]
    sentence: str
    names: tuple[str, ...]


def find_suspicious(
    contestants: Sequence[Contestant],
    near_duplicate_groups: Sequence[Sequence[str]],
    blank_names: Sequence[str],
) -> list[Suspicion]:
    """Find what is probably mislabelled, copied across a border, or nearly blank.

    near_duplicate_groups: names of files that show the same picture; only groups with
    several classes, or with files on both sides of a split, are suspicious.
    """
    found = _mislabelled(with_a_chance(contestants))
    found += _duplicates(contestants, near_duplicate_groups)
    if blank_names:
        n, names = len(blank_names), _listed(blank_names)
        text = f"{names} {'is' if n == 1 else 'are'} (nearly) of one colour."
        found.append(Suspicion("blank", text, tuple(blank_names)))
    return found


def _mislabelled(contestants: Sequence[Contestant]) -> list[Suspicion]:
    """Find photographs that all methods confidently give the same other label.

    In every split that tests it, the mean probability of that label over the methods is
    above one half and at least its average over the photographs that do have the label
    (confident learning: Northcutt et al. 2021, eq. 2).
    """
    by_seed: dict[int, dict[str, Answers]] = {}
    for contestant in contestants:
        for answers in contestant.answers:
            by_seed.setdefault(answers.record.seed, {})[contestant.method] = answers
    labels: dict[str, set[tuple[str, str]]] = {}  # name -> true and predicted classes
    sure: dict[str, list[float]] = {}
    asked: dict[str, dict[str, Answers]] = {}
    for methods in by_seed.values():
        first = next(iter(methods.values()))
        prediction, confidence, is_sure = _agreed(list(methods.values()))
        classes = first.record.classes
        answer = np.where(is_sure, prediction, first.truth)
        for row, name in enumerate(first.record.test_names):
            pair = classes[first.truth[row]], classes[answer[row]]
            labels.setdefault(name, set()).add(pair)
            sure.setdefault(name, []).append(float(confidence[row]))
            asked[name] = asked.get(name, {}) | methods
    found = []
    for name, pairs in labels.items():
        (true_class, label), *others = pairs
        if others or true_class == label:
            continue
        mean = float(np.mean(sure[name]))
        who = list(asked[name])
        text = (
            f"{printable(name)} is labelled {printable(true_class)}; {_listed(who)} "
            f"{'say' if len(who) > 1 else 'says'} {printable(label)}, "
            f"{100 * mean:.0f} % sure on average."
        )
        found.append((mean, Suspicion("mislabelled", text, (name,))))
    return [one for _, one in sorted(found, key=lambda pair: (-pair[0], pair[1].names))]


def _agreed(
    methods: Sequence[Answers],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return what the methods predict on one split, how sure, and if confidently.

    All (n,): the first method's prediction, its mean probability over the methods that
    have probabilities, and whether all agree and are confident as above.
    """
    truth = methods[0].truth.astype(np.int64)
    prediction = methods[0].prediction.astype(np.int64)
    known = [a.extras["probabilities"] for a in methods if "probabilities" in a.extras]
    nobody = np.zeros(len(truth), bool)
    if not known:
        return prediction, np.zeros(len(truth)), nobody
    mean = np.mean([values.astype(np.float64) for values in known], axis=0)  # (n, C)
    usual = np.zeros(mean.shape[1])  # (C,), of a class among its own photographs
    for label in np.unique(truth):
        usual[label] = mean[truth == label, label].mean()
    confidence = mean[np.arange(len(truth)), prediction]
    agreed = np.all([a.prediction == prediction for a in methods], axis=0)
    least = np.maximum(usual, MORE_LIKELY)[prediction]
    return prediction, confidence, agreed & (confidence >= least)


def _duplicates(
    contestants: Sequence[Contestant], groups: Sequence[Sequence[str]]
) -> list[Suspicion]:
    records = [answers.record for one in contestants for answers in one.answers]
    splits = {record.seed: set(record.test_names) for record in records}.values()
    classes = {name for record in records for name in record.classes}
    found = []
    for group in groups:
        labels = sorted({_class_of(name, classes) for name in group})
        reasons = []
        if len(labels) > 1:
            reasons.append(f"have different labels ({', '.join(labels)})")
        if any(
            {name in tested for name in group} == {True, False} for tested in splits
        ):
            reasons.append("are on both sides of a split, so that the test is too easy")
        if reasons:
            text = (
                f"{_listed(group)} show the same picture and {' and '.join(reasons)}."
            )
            found.append((-len(labels), Suspicion("duplicates", text, tuple(group))))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _class_of(name: str, classes: set[str]) -> str:
    """Return the class whose folder holds the file, which may be nested."""
    folder = f"/{PurePosixPath(name).parent}"
    fitting = [one for one in classes if folder.endswith(f"/{one}")]
    return max(fitting, key=len, default=folder.rpartition("/")[2])


def _listed(names: Sequence[str]) -> str:
    """List names in words: a, b and c, or a, b and 3 more."""
    shown = [printable(name) for name in names]
    if len(shown) > MOST_NAMED:
        shown = [*shown[: MOST_NAMED - 1], f"{len(shown) - MOST_NAMED + 1} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
