"""Run every benchmark and write benchmarks/results.md: `make bench`."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from benchmarks import backbones, busy, loading, patch_words, stages
from benchmarks.side_by_side import HEAD, measure, spread
from benchmarks.stage_shares import stage_shares
from benchmarks.vocabularies import N_DESCRIPTORS, N_WORDS, vocabularies
from benchmarks.whole import REPEATS, exponent, in_own_process
from visbase.pipeline.experiments.provenance import commit, cpu, n_cores, versions
from visbase.pipeline.storage import results
from visbase.pipeline.storage.atomic import atomic_write
from visbase.reports.compare import read_runs

IMAGES = [10_000, 20_000, 40_000, 80_000]
WORDS = [100, 200, 400, 800, 1600]
CORES = [1, 2]
FEW, MANY = 70_000, 280_000  # images whose peak memory is compared
NOTES = Path(__file__).parent / "notes.md"  # interpretation, the end of results.md


def main() -> None:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. "
        f"{cpu()}, {n_cores()} cores; commit {(commit() or '')[:10]}; "
        + ", ".join(f"{name} {version}" for name, version in versions().items())
        + ".",
        "",
        "## Side by side",
        "",
        "Ours and the peer run alternately in one process, after one warm-up run each.",
        "Times and ratios are median (minimum to maximum); ratio: the peer's time over",
        "ours; threads: the limit for both; target: the least ratio we aim for.",
        "",
        HEAD,
    ]
    lines += [
        measure(p).row()
        for pairs in (stages, backbones, loading, patch_words)
        for p in pairs.pairs()
    ]
    lines += [
        "",
        f"## {N_WORDS} words from {N_DESCRIPTORS:,} descriptors",
        "",
        *vocabularies(),
    ]
    lines += ["", *whole(), "", *memory(), "", *growth()]
    lines += ["", "## Beside a busy process", "", busy.HEAD]
    lines += busy.rows(busy.digit_methods())
    if os.environ.get("PROFILE", "0") != "0":
        title = "## Profile of `bovw_pyramid`, one thread, no distorted copies"
        lines += ["", title, "", *stage_shares()]
    lines += ["", NOTES.read_text(encoding="utf-8").rstrip()]
    with atomic_write(Path(__file__).parent / "results.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    print("\n".join(lines))


def whole() -> list[str]:
    return [
        f"## End to end, {n_cores()} threads",
        "",
        "| task | median (minimum to maximum) | repeats | target |",
        "| --- | ---: | ---: | ---: |",
        _whole(
            "70,000 digits to histograms: 2 patch sizes, 400 words, 5 nearest words, "
            "3 levels",
            in_own_process("histograms_s", 70_000),
            "s",
            60,
        ),
        _whole(
            "one image from file to label, `bovw_pyramid` of the full preset, warm",
            in_own_process("one_image_ms"),
            "ms",
            5,
        ),
        _whole("`visbase --help`", in_own_process("start_s"), "s", 0.3),
    ]


def _whole(task: str, values: list[float], unit: str, at_most: float) -> str:
    return f"| {task} | {spread(values, unit)} | {len(values)} | {at_most:g} {unit} |"


def memory() -> list[str]:
    few_mb, many_mb = (in_own_process("features_mb", n)[0] for n in (FEW, MANY))
    data_mb = (MANY - FEW) * (28 * 28 * 2 + 400 * 4) / 2**20
    return [
        "## Memory",
        "",
        f"Peak memory while `bovw_pyramid` computes its features: {few_mb:.0f} MiB for "
        f"{FEW:,} digits, {many_mb:.0f} MiB for {MANY:,}. The additional images, their "
        f"deskewed copies and their features take {data_mb:.0f} MiB of that.",
        "",
        largest_peak(),
    ]


def largest_peak() -> str:
    """The largest peak memory among the records of `make baseline`."""
    peak, method = max(
        (record.peak_rss_mb, record.method)
        for runs in read_runs(results(), "mnist")
        for record in runs.records
        if record.family == "classical" and record.seed == 0
    )
    return (
        f"Largest peak in the records of `make baseline`: {peak:.0f} MiB (`{method}`)."
    )


def growth() -> list[str]:
    sizes = {
        "digits to histograms, by images": ("histograms_s", IMAGES),
        "support vectors, one-vs-one, by images": ("svm_s", IMAGES),
        "vocabulary from 100,000 descriptors, by words": ("vocabulary_s", WORDS),
    }
    rows = [
        _growth(stage, grid, [in_own_process(name, size) for size in grid])
        for stage, (name, grid) in sizes.items()
    ]
    by_words = [in_own_process("histograms_s", 10_000, k) for k in WORDS]
    rows.insert(1, _growth("10,000 digits to histograms, by words", WORDS, by_words))
    for stage, name, size in (
        ("10,000 digits to histograms", "histograms_s", 10_000),
        ("support vectors of 20,000 digits", "svm_s", 20_000),
        ("400 words from 100,000 descriptors", "vocabulary_s", 400),
    ):
        seconds = [in_own_process(name, size, cores=cores) for cores in CORES]
        rows.append(_growth(f"{stage}, by cores", CORES, seconds))
    return [
        "## Growth",
        "",
        f"Seconds: median (minimum to maximum) of {REPEATS} runs, on {n_cores()} cores",
        "unless the sizes are cores. Exponent: slope of log seconds against log size.",
        "",
        "| stage | sizes | seconds | exponent |",
        "| --- | --- | --- | ---: |",
        *rows,
    ]


def _growth(stage: str, sizes: list[int], repeated: list[list[float]]) -> str:
    medians = [statistics.median(seconds) for seconds in repeated]
    listed = ", ".join(f"{size:,}" for size in sizes)
    spreads = ", ".join(
        f"{middle:.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        for middle, seconds in zip(medians, repeated, strict=True)
    )
    return f"| {stage} | {listed} | {spreads} | {exponent(sizes, medians)} |"


if __name__ == "__main__":
    main()
