"""Random damage to the files of every reader ends in a result or one error line.

The soak feeds the same readers a million inputs.
"""

import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.soak import readers
from visbase.pipeline.errors import BadInput


@pytest.mark.parametrize("name", readers.READERS)
def test_any_content_is_read_or_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MODELS", ("majority",))  # others take longer
    target, seeds = readers.READERS[name][1](tmp_path)
    dice = st.randoms(use_true_random=False)
    damaged = dice.map(lambda dice: readers.mutated(seeds, dice))

    @settings(
        max_examples=200,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(damaged | st.binary(max_size=200))
    @example(b"")
    def read(content: bytes) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target(content)
        except BadInput as error:
            lines = str(error).splitlines()
            assert all(line.startswith("  ") for line in lines[1:])

    read()
