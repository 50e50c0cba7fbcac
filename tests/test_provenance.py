"""Whether a run was of committed code."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from pipeline import provenance


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("", False),
        (" M pipeline/pool.py", True),
        ("?? digits.visbase\n?? why.png", False),
        ("?? baselines/mine.py", True),
        ('?? "baselines/my method.py"', True),
        (None, None),
    ],
)
def test_new_files_count_as_changes_where_they_are_code(
    status: str | None, expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "_git", lambda *_: status)
    assert provenance.dirty() is expected


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_peak_memory_is_not_that_of_the_process_that_started_this_one() -> None:
    large = np.ones(300 << 20, np.uint8)
    code = "from pipeline.provenance import peak_rss_mb; print(peak_rss_mb())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert provenance.peak_rss_mb() > large.nbytes / 2**20
    assert 5 < float(done.stdout) < 150
