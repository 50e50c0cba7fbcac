"""Files of a folder that need a second look before its numbers are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.datasets.findings import Copies
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
    copies: Sequence[Copies],
    blank_names: Sequence[str],
) -> list[Suspicion]:
    """Find what is probably mislabelled, copied across a border, or nearly blank.

    copies: groups of files that show the same picture, suspicious if they have several
    classes or are on both sides of the split; blank_names: files of (nearly) one level.
    """
    found = _mislabelled(with_a_chance(contestants))
    found += _duplicates(copies)
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


def _duplicates(copies: Sequence[Copies]) -> list[Suspicion]:
    """Find copies across classes, and then those across the split."""
    found = []
    for group in sorted(copies, key=lambda group: not group.across_classes):
        reasons = []
        if group.across_classes:
            labels = ", ".join(map(printable, sorted(set(group.classes))))
            reasons.append(f"have different labels ({labels})")
        if group.across_split:
            reasons.append("are on both sides of the split, so the test is too easy")
        if reasons:
            why = " and ".join(reasons)
            text = f"{_listed(group.names)} show the same picture and {why}."
            found.append(Suspicion("duplicates", text, group.names))
    return found


def _listed(names: Sequence[str]) -> str:
    """List names in words: a, b and c, or a, b and 3 more."""
    shown = [printable(name) for name in names]
    if len(shown) > MOST_NAMED:
        shown = [*shown[: MOST_NAMED - 1], f"{len(shown) - MOST_NAMED + 1} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
