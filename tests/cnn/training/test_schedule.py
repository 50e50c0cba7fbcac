"""How the learning rate moves, by hand arithmetic."""

import pytest

from visbase.cnn.training.schedule import one_cycle, plateau, two_steps


def test_one_cycle_rises_in_a_line_and_falls_by_a_cosine() -> None:
    # 0.6 is half of the way down
    rates = [one_cycle(progress, warm_up=0.2) for progress in (0.1, 0.2, 0.6, 1.0)]
    assert rates == pytest.approx([0.5, 1, 0.5, 0])


def test_two_steps_divide_after_half_and_after_three_quarters() -> None:
    rates = [two_steps(progress) for progress in (0.01, 0.49, 0.5, 0.74, 0.75, 0.99)]
    assert rates == [1, 1, 0.1, 0.1, 0.01, 0.01]


@pytest.mark.parametrize(
    ("errors", "part"),
    [
        ([], 1),
        ([9, 8, 7, 6], 1),  # always better
        ([5, 6, 6], 1),  # two epochs without progress
        ([5, 6, 6, 5], 0.1),  # three; as good as before is no progress
        ([5, 6, 6, 5, 6, 6], 0.1),  # the count starts again after a step down
        ([5, 6, 6, 5, 6, 6, 6], 0.01),
        ([5, 6, 6, 4, 6, 6], 1),  # progress just in time
    ],
)
def test_rate_steps_down_at_a_plateau(errors: list[float], part: float) -> None:
    assert plateau(errors, patience=3) == pytest.approx(part)
