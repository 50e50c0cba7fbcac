"""Run every benchmark and write benchmarks/results.md: `make bench`."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks import stages
from benchmarks.side_by_side import HEAD, measure
from benchmarks.stage_shares import stage_shares
from benchmarks.whole import alone, exponent
from pipeline.atomic import atomic_write
from pipeline.provenance import commit, cpu, n_cores, versions

IMAGES = [10_000, 20_000, 40_000, 80_000]
WORDS = [100, 200, 400, 800, 1600]
MANY = 280_000


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
        "median, smallest and largest; ratio: the peer's time over ours.",
        "",
        HEAD,
    ]
    lines += [measure(pair).row() for pair in stages.pairs()]
    lines += ["", *whole(), "", *memory(), "", *growth()]
    if os.environ.get("PROFILE", "0") != "0":
        title = "## Profile of `bovw_pyramid`, one thread, no copies"
        lines += ["", title, "", *stage_shares()]
    with atomic_write(Path(__file__).parent / "results.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    print("\n".join(lines))


def whole() -> list[str]:
    return [
        "## The whole path",
        "",
        "| what | measured | asked |",
        "| --- | ---: | ---: |",
        "| 70,000 digits to histograms: 2 patch sizes, 400 words, 5 nearest, 3 levels "
        f"| {alone('histograms_s', 70_000):.0f} s | 60 s |",
        "| one image from file to label, `bovw_pyramid` of 10,000 digits, warm "
        f"| {alone('one_image_ms'):.1f} ms | 5 ms |",
        f"| `visbase --help` | {alone('start_s'):.2f} s | 0.3 s |",
    ]


def memory() -> list[str]:
    few, many = (alone("features_mb", n) for n in (70_000, MANY))
    own = (MANY - 70_000) * (28 * 28 * 2 + 400 * 4) / 2**20
    return [
        "## Memory",
        "",
        f"Peak while the features of `bovw_pyramid` are made: {few:.0f} MiB for 70,000 "
        f"digits, {many:.0f} MiB for {MANY:,}. The images that are more, deskewed as "
        f"well, and their features are {own:.0f} MiB of it.",
    ]


def growth() -> list[str]:
    by_images = [alone("histograms_s", n) for n in IMAGES]
    by_words = [alone("histograms_s", 10_000, k) for k in WORDS]
    by_cores = [alone("histograms_s", 10_000, 400, jobs=jobs) for jobs in (1, 2)]
    return [
        "## Growth",
        "",
        "Seconds from digits to histograms, and the slope of their logarithms.",
        "",
        "| of | sizes | seconds | exponent |",
        "| --- | --- | --- | ---: |",
        _growth("images", IMAGES, by_images),
        _growth("words (10,000 images)", WORDS, by_words),
        _growth("threads (10,000 images)", [1, 2], by_cores),
    ]


def _growth(what: str, sizes: list[int], seconds: list[float]) -> str:
    return (
        f"| {what} | {', '.join(f'{size:,}' for size in sizes)} | "
        f"{', '.join(f'{s:.1f}' for s in seconds)} | {exponent(sizes, seconds)} |"
    )


if __name__ == "__main__":
    main()
