"""Random damage to the files of every reader ends in a result or one error line.

The soak feeds the same readers a million inputs.
"""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.soak.fuzz import SHARE
from tests.soak.readers import Target, mutated, targets
from visbase.pipeline.errors import BadInput


@pytest.fixture(scope="module")
def readers(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Target, list[bytes]]]:
    return targets(tmp_path_factory.mktemp("hostile"), models=("majority",))


@pytest.mark.parametrize("name", SHARE)
def test_any_content_is_read_or_refused_in_one_line(
    name: str, readers: dict[str, tuple[Target, list[bytes]]]
) -> None:
    target, seeds = readers[name]
    damaged = st.randoms(use_true_random=False).map(lambda dice: mutated(seeds, dice))

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
