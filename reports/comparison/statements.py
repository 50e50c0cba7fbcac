"""Three plain sentences about a comparison, made from its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import printable
from visbase.pipeline.evaluation import confusion_matrix
from visbase.pipeline.evaluation.bootstrap import gain_of_doubling
from visbase.reports.comparison.contestants import Contestant
from visbase.reports.comparison.table import accuracy, difference, rank

NARROW = 2.0  # points; an interval of a gain is no statement if it reaches further


def statements(contestants: Sequence[Contestant]) -> list[str]:
    """Say who is best, whether more photographs would help, and what goes wrong.

    Fewer sentences if no contestant has a result.
    """
    ranked = rank(contestants)
    if not ranked:
        return []
    return [_best(ranked), _more_photographs(ranked), _confusion(ranked[0])]


def _best(ranked: Sequence[Contestant]) -> str:
    best, *others = ranked
    text = f"{best.method} is the best: it classifies {_percent(best)} correctly"
    if not others:
        return f"{text}; there is no other method to compare it with."
    second = others[0]
    gap, low, high = (100 * value for value in difference(best, second))
    verdict = "is more than chance" if low > 0 else "may be chance"
    interval = f"95 % interval {low:.1f} to {high:.1f}"
    if math.isnan(gap):
        text += f"; {second.method} was tested on other splits"
    elif gap:
        text += f", and its lead of {gap:.1f} points over {second.method} {verdict}"
        text += f" ({interval})"
    else:
        text += f", as {second.method} does (difference: {interval})"
    own = next((one for one in ranked if not one.trained_on), None)
    if best.trained_on and own is not None:
        text += (
            f"; it was also trained on {best.trained_on}, and without that "
            f"{own.method} is best, with {_percent(own)}"
        )
    return f"{text}."


def _more_photographs(ranked: Sequence[Contestant]) -> str:
    parts = [_gain(one) for one in ranked[:2] if one.curve is not None]
    if not parts:
        return "No statement on more photographs: no learning curve was measured."
    return f"With twice as many photographs to learn from, {' and '.join(parts)}."


def _gain(contestant: Contestant) -> str:
    assert contestant.curve is not None
    sizes, right = contestant.curve
    gain, low, high = (100 * value for value in gain_of_doubling(sizes, right))
    interval = f"(95 % interval {low:.1f} to {high:.1f} points)"
    if low > 0:
        return f"{contestant.method} would gain about {gain:.1f} {interval}"
    if high < NARROW:
        return f"{contestant.method} would gain little or nothing {interval}"
    return f"the data cannot tell what {contestant.method} would gain {interval}"


def _confusion(best: Contestant) -> str:
    classes = best.answers[0].record.classes
    counts = sum(
        confusion_matrix(one.truth, one.prediction, len(classes))
        for one in best.answers
    )
    wrong: NDArray[np.int64] = np.array(counts)
    images = wrong.sum(axis=1)
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return f"{best.method} makes no mistake on the test photographs."
    true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
    n, of = wrong[true, taken], images[true]
    one, other = printable(classes[true]), printable(classes[taken])
    if n == 1:
        return (
            f"{best.method} makes each of its mistakes once, such as “{one}” for "
            f"“{other}”."
        )
    share = f"{n} of its {wrong.sum()}" if n < wrong.sum() else f"all {n} of its"
    return (
        f"The commonest mistake of {best.method} is to take “{one}” for “{other}”: {n} "
        f"of {of} times, and {share} mistakes."
    )


def _percent(contestant: Contestant) -> str:
    return f"{100 * accuracy(contestant):.1f} % of the test photographs"
