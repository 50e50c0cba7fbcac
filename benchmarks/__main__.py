"""Run every benchmark and write benchmarks/results.md: `make bench`."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from benchmarks import stages
from benchmarks.side_by_side import HEAD, measure, spread
from benchmarks.stage_shares import stage_shares
from benchmarks.vocabularies import N_DESCRIPTORS, N_WORDS, vocabularies
from benchmarks.whole import REPEATS, alone, exponent
from visbase.pipeline.experiments.provenance import commit, cpu, n_cores, versions
from visbase.pipeline.storage import results
from visbase.pipeline.storage.atomic import atomic_write
from visbase.reports.compare import read_runs

IMAGES = [10_000, 20_000, 40_000, 80_000]
WORDS = [100, 200, 400, 800, 1600]
CORES = [1, 2]
MANY = 280_000
NOTES = Path(__file__).parent / "notes.md"  # what is said about the figures


def main() -> None:
    lines = [
        "# Benchmarks",
        "",
        "`make bench`. "
        f"{cpu()}, {n_cores()} cores; commit {(commit() or '')[:10]}; "
        + ", ".join(f"{name} {version}" for name, version in versions().items())
        + ".",
        "",
        "## Side by side",
        "",
        "Ours and the peer in turn in one process, after one run of each to warm up:",
        "median (smallest to largest); ratio: the peer's time over ours; threads: how",
        "many both may use.",
        "",
        HEAD,
    ]
    lines += [measure(pair).row() for pair in stages.pairs()]
    lines += [
        "",
        f"## {N_WORDS} words from {N_DESCRIPTORS:,} descriptors",
        "",
        *vocabularies(),
    ]
    lines += ["", *whole(), "", *memory(), "", *growth()]
    if os.environ.get("PROFILE", "0") != "0":
        title = "## Profile of `bovw_pyramid`, one thread, no copies"
        lines += ["", title, "", *stage_shares()]
    lines += ["", NOTES.read_text(encoding="utf-8").rstrip()]
    with atomic_write(Path(__file__).parent / "results.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    print("\n".join(lines))


def whole() -> list[str]:
    return [
        f"## The whole path, {n_cores()} threads",
        "",
        "| what | measured: median (smallest to largest) | repeats | asked |",
        "| --- | ---: | ---: | ---: |",
        _whole(
            "70,000 digits to histograms: 2 patch sizes, 400 words, 5 nearest, 3 "
            "levels",
            alone("histograms_s", 70_000),
            "s",
            60,
        ),
        _whole(
            "one image from file to label, `bovw_pyramid` as in the table, warm",
            alone("one_image_ms"),
            "ms",
            5,
        ),
        _whole("`visbase --help`", alone("start_s"), "s", 0.3),
    ]


def _whole(what: str, found: list[float], unit: str, at_most: float) -> str:
    return f"| {what} | {spread(found, unit)} | {len(found)} | {at_most:g} {unit} |"


def memory() -> list[str]:
    few, many = (alone("features_mb", n)[0] for n in (70_000, MANY))
    own = (MANY - 70_000) * (28 * 28 * 2 + 400 * 4) / 2**20
    return [
        "## Memory",
        "",
        f"Peak while the features of `bovw_pyramid` are made: {few:.0f} MiB for 70,000 "
        f"digits, {many:.0f} MiB for {MANY:,}. The images that are more, deskewed as "
        f"well, and their features need {own:.0f} MiB.",
        "",
        largest_peak(),
    ]


def largest_peak() -> str:
    """Of what `make baseline` runs, from its records."""
    peak, method = max(
        (record.peak_rss_mb, record.method)
        for runs in read_runs(results(), "mnist")
        for record in runs.records
        if record.family == "classical" and record.seed == 0
    )
    return f"`make baseline`, by its records: at most {peak:.0f} MiB (`{method}`)."


def growth() -> list[str]:
    sizes = {
        "digits to histograms": ("histograms_s", IMAGES),
        "support vectors, one against one, by images": ("svm_s", IMAGES),
        "vocabulary from 100,000 descriptors, by words": ("vocabulary_s", WORDS),
    }
    rows = [
        _growth(what, measured, [alone(name, size) for size in measured])
        for what, (name, measured) in sizes.items()
    ]
    by_words = [alone("histograms_s", 10_000, k) for k in WORDS]
    rows.insert(1, _growth("10,000 digits to histograms, by words", WORDS, by_words))
    for what, name, size in (
        ("10,000 digits to histograms", "histograms_s", 10_000),
        ("support vectors of 20,000 digits", "svm_s", 20_000),
        ("400 words from 100,000 descriptors", "vocabulary_s", 400),
    ):
        seconds = [alone(name, size, cores=cores) for cores in CORES]
        rows.append(_growth(f"{what}, by cores", CORES, seconds))
    return [
        "## Growth",
        "",
        f"Seconds, median (smallest to largest) of {REPEATS}, on {n_cores()} cores",
        "where none are said; exponent: slope of their logarithms against the size's.",
        "",
        "| stage | sizes | seconds | exponent |",
        "| --- | --- | --- | ---: |",
        *rows,
    ]


def _growth(what: str, sizes: list[int], repeated: list[list[float]]) -> str:
    medians = [statistics.median(seconds) for seconds in repeated]
    listed = ", ".join(f"{size:,}" for size in sizes)
    spreads = ", ".join(
        f"{middle:.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        for middle, seconds in zip(medians, repeated, strict=True)
    )
    return f"| {what} | {listed} | {spreads} | {exponent(sizes, medians)} |"


if __name__ == "__main__":
    main()
