"""Shifts by whole pixels, by hand."""

import numpy as np
import pytest

from visbase.pipeline.images.jitter import offsets_within, shift

IMAGE = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], np.uint8)


@pytest.mark.parametrize(
    ("dx", "dy", "expected"),
    [
        (0, 0, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        (1, 0, [[0, 1, 2], [0, 4, 5], [0, 7, 8]]),
        (0, -1, [[4, 5, 6], [7, 8, 9], [0, 0, 0]]),
        (-2, 1, [[0, 0, 0], [3, 0, 0], [6, 0, 0]]),
        (3, 0, [[0, 0, 0]] * 3),
        (0, -4, [[0, 0, 0]] * 3),
    ],
)
def test_shift_moves_ink_and_lets_black_in(dx: int, dy: int, expected: object) -> None:
    assert shift(IMAGE, dx, dy)[0].tolist() == expected


def test_offsets_are_all_neighbours_but_the_place_itself() -> None:
    places = {(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
    assert sorted(offsets_within(1)) == sorted(places - {(0, 0)})
    assert len(offsets_within(2)) == 24
    assert offsets_within(0) == []
