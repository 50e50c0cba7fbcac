"""How the learning rate moves: one cycle, or a step down wherever validation stalls."""

from __future__ import annotations

import math
from collections.abc import Sequence


def one_cycle(progress: float, warm_up: float) -> float:
    """Part of the peak rate at `progress` in (0, 1): linear up, half a cosine down.

    Smith & Topin 2019, with the cosine of Loshchilov & Hutter 2017, eq. 5.
    """
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def plateau(errors: Sequence[float], patience: int, factor: float = 0.1) -> float:
    """Part of the first rate after epochs with these validation errors.

    The rate is multiplied by `factor` each time `patience` epochs in a row brought no
    new least error: AlexNet's rule (Krizhevsky et al. 2012, section 5) in a form that
    needs no hand.
    """
    part, best, waited = 1.0, math.inf, 0
    for error in errors:
        waited = 0 if error < best else waited + 1
        best = min(best, error)
        if waited == patience:
            part, waited = part * factor, 0
    return part
