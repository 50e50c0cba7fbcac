"""Whether a run was of committed code."""

from __future__ import annotations

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
