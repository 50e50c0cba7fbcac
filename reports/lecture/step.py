"""One line of the walk through the lecture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One computation: what, our result, the lecture's figure, whether they agree."""

    topic: str
    what: str
    ours: str
    lecture: str
    agrees: bool
    comment: str = ""
