"""Learning rate schedules: one cycle, or a step down when validation stalls."""

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
