"""The same seed on two processors: seconds and answers compared by hand."""

from pathlib import Path

from tests.reports.builders import add_run, tiny_dataset
from visbase.reports.compare import read_runs
from visbase.reports.findings import Finding
from visbase.reports.findings.processors import find

XEON, EPYC = "Intel(R) Xeon(R) Processor", "AMD EPYC"


def _add_both(results: Path, method: str, xeon: range, epyc: range, **of: str) -> None:
    """Add a run on each processor, the second one named as a repetition."""
    path = add_run(results, method, epyc, cpu=EPYC, **of)
    for file in path.parent.glob("seed0.*"):
        file.rename(file.with_name(file.name.replace("seed0", "seed0-epyc")))
    add_run(results, method, xeon, cpu=XEON)


def _found(results: Path) -> Finding | None:
    return find(results, tiny_dataset("mnist"), read_runs(results, "mnist"))


def test_seconds_errors_and_other_answers_stand_side_by_side(tmp_path: Path) -> None:
    add_run(tmp_path, "mlp2", cpu=XEON)  # without a second processor
    assert _found(tmp_path) is None
    _add_both(tmp_path, "linear", range(3), range(2, 6))
    _add_both(tmp_path, "lenet5", range(1), range(1))
    finding = _found(tmp_path)
    assert finding is not None
    # each run fits in 10 s and predicts in 1.5; images 0, 1, 3, 4 and 5 differ
    assert finding.table == [
        ("linear", "0", "Intel Xeon and AMD EPYC", "12 and 12", "3 and 4", "5"),
        ("lenet5", "0", "Intel Xeon and AMD EPYC", "12 and 12", "1 and 1", "0"),
    ]
    (sentence,) = finding.sentences
    assert "2 runs took 0 minutes in total on Intel Xeon and 0 on AMD EPYC" in sentence
    assert "At most 5 answers differ (linear)." in sentence
    assert [row.errors for row in finding.rows] == [3, 4, 1, 1]
    (chart,) = finding.charts
    assert (chart.x, chart.y) == ("Intel Xeon (s)", "AMD EPYC (s)")
    assert [(row["x"], row["y"]) for row in chart.rows] == [(11.5, 11.5)] * 2


def test_versions_of_the_code_are_not_taken_for_processors(tmp_path: Path) -> None:
    _add_both(tmp_path, "linear", range(3), range(2, 6), commit="0123456")
    finding = _found(tmp_path)
    assert finding is not None
    assert "different versions of the code" in finding.sentences[-1]
