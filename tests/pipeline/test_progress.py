"""Progress: nothing is lost or reordered, and only long steps are logged."""

from __future__ import annotations

import itertools

import pytest

from visbase.pipeline import progress


def ticking(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    """Let every look at the clock find it step_s later."""
    clock = itertools.count(0, step_s)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))


def test_items_pass_unchanged_and_short_steps_are_not_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(progress.track("abc", "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_log_has_the_progress_of_a_long_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ticking(monkeypatch, 31.0)
    list(progress.track(range(3), "fits", 3))
    assert capsys.readouterr().err.splitlines() == [
        "  fits: 1 of 3, about 62 s left",
        "  fits: 2 of 3, about 31 s left",
        "  fits: 3 in 124.0 s",
    ]


def test_step_that_stops_early_is_logged_with_the_items_it_finished(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ticking(monkeypatch, 3.0)
    steps = progress.track(range(30), "k-means", 30)
    next(steps), next(steps)
    steps.close()
    assert capsys.readouterr().err == "  k-means: 1 in 6.0 s\n"


def test_step_of_unknown_length_is_logged_with_its_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ticking(monkeypatch, 5.0)
    with progress.working("projection"):
        pass
    assert capsys.readouterr().err == "  projection: 5.0 s\n"
