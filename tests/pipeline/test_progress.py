"""Progress: nothing is lost or reordered, and only long steps are logged."""

import itertools

import pytest

from visbase.pipeline import progress


def ticking(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    """Advance the clock by step_s whenever it is read."""
    clock = itertools.count(0, step_s)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))


def test_items_pass_unchanged_and_only_long_steps_are_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(progress.track("abc", "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
    ticking(monkeypatch, 31.0)
    list(progress.track(range(3), "fits", 3))
    ticking(monkeypatch, 3.0)
    stopped = progress.track(range(30), "k-means", 30)
    next(stopped), next(stopped)
    stopped.close()
    ticking(monkeypatch, 5.0)
    with progress.working("projection"):
        pass
    assert capsys.readouterr().err.splitlines() == [
        "  fits: 1 of 3, about 62 s left",
        "  fits: 2 of 3, about 31 s left",
        "  fits: 3 in 124.0 s",
        "  k-means: 1 in 6.0 s",
        "  projection: 5.0 s",
    ]
