"""Learning rate schedules: one cycle, two steps, or steps down at a plateau."""

from __future__ import annotations

import math
from collections.abc import Sequence


def one_cycle(progress: float, warm_up: float) -> float:
    """Fraction of the peak rate at `progress` in (0, 1): linear up, half cosine down.

    Smith & Topin 2019, with the cosine of Loshchilov & Hutter 2017, eq. 5.
    """
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def two_steps(progress: float) -> float:
    """Fraction of the initial rate: a tenth from 1/2 on, a hundredth from 3/4 on.

    He et al. 2016 (section 4.2) divide after 32,000 and 48,000 of 64,000 steps.
    """
    return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01


def plateau(errors: Sequence[float], patience: int, factor: float = 0.1) -> float:
    """Fraction of the initial rate after epochs with these validation errors.

    The rate is multiplied by `factor` whenever `patience` epochs in a row did not reach
    a new lowest error: AlexNet's rule (Krizhevsky et al. 2012, section 5), automated.
    """
    fraction, best, n_stalled = 1.0, math.inf, 0
    for error in errors:
        n_stalled = 0 if error < best else n_stalled + 1
        best = min(best, error)
        if n_stalled == patience:
            fraction, n_stalled = fraction * factor, 0
    return fraction
