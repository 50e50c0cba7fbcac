"""What the report says of corrupted images."""

from __future__ import annotations

from visbase.pipeline.experiments.measured import CLEAN, CorruptionErrors
from visbase.reports.findings.corruption import sentences


def row(method: str, corruption: str, level: int, n_errors: int) -> CorruptionErrors:
    return CorruptionErrors(
        method=method,
        family="classical",
        corruption=corruption,
        level=level,
        strength="",
        n_errors=n_errors,
        n_test=100,
        model="m",
        commit="c",
    )


def rows_of(method: str, clean: int, **errors: int) -> list[CorruptionErrors]:
    """The same number of errors at every severity of a corruption."""
    levels = range(1, 6)
    measured = [row(method, k, i, n) for k, n in errors.items() for i in levels]
    return [row(method, CLEAN, 0, clean), *measured]


def test_it_says_where_the_best_method_on_average_is_not_the_best() -> None:
    robust = rows_of("robust", 20, noise=30, blur=50, fog=40)
    sharp = rows_of("sharp", 5, noise=45, blur=20, fog=10)
    first, hardest, exceptions = sentences([*robust, *sharp])
    assert first == (
        "sharp has the lowest mean error over 3 corruptions at 5 severities: sharp "
        "25.0 %, robust 40.0 %."
    )
    assert "blur for robust (50.0 %), noise for sharp (45.0 %)" in hardest
    assert (
        exceptions == "robust has the lowest error under 1 of the 3 corruptions: noise."
    )
