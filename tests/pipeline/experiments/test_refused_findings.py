"""Measurements that are incomplete, uncommitted or of other images are refused."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.builders import write_combination_files
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage import ROOT
from visbase.reports.findings.combination import combination_finding
from visbase.reports.findings.corruption import corruption_finding

COMMITTED = ROOT / "reports" / "corruption" / "mnist"


@pytest.mark.parametrize(
    ("pattern", "new", "words"),
    [
        (".*,shift,3,.*\n", "", "linear.csv: shift, severity 3,"),
        (".*,none,0,.*\n", "", "linear.csv: none, severity 0,"),
        ("linear,(?!.*,none,0,).*\n", "", "at least one corruption"),
        (r"\n\Z", "+\n", "linear.csv: .*uncommitted"),
    ],
)
@pytest.mark.parametrize("with_another", [True, False])
def test_table_without_a_test_set_or_a_commit_is_refused(
    pattern: str, new: str, words: str, with_another: bool, tmp_path: Path
) -> None:
    place = tmp_path / "mnist"
    place.mkdir()
    text = (COMMITTED / "linear.csv").read_text()
    (place / "linear.csv").write_text(re.sub(pattern, new, text))
    if with_another:
        (place / "lenet5.csv").write_bytes((COMMITTED / "lenet5.csv").read_bytes())
        words = r"linear\.csv: "
    with pytest.raises(BadInput, match=words):
        corruption_finding(tmp_path, "mnist")


def test_combination_of_other_images_or_dirty_code_is_refused(tmp_path: Path) -> None:
    for truth, commit, words in (
        ([1, 1, 1], "0123456789", "test labels"),
        ([0, 0, 0, 0], "0123456789", "test labels"),
        ([0, 0, 0], "0123456789+", "uncommitted"),
    ):
        path = write_combination_files(tmp_path / "mnist", commit=commit)
        with pytest.raises(BadInput, match=f"^{re.escape(str(path))}: .*{words}"):
            combination_finding(tmp_path, "mnist", np.array(truth))


def test_array_without_the_facts_of_its_combination_is_refused(tmp_path: Path) -> None:
    path, truth = write_combination_files(tmp_path / "mnist"), np.zeros(3, int)
    assert combination_finding(tmp_path, "mnist", truth) is not None
    path.unlink()
    with pytest.raises(BadInput, match=r"a\+b\.npy: .*a\+b\.json"):
        combination_finding(tmp_path, "mnist", truth)
