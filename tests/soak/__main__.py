"""Try every fault and write docs/reliability.md, each part as soon as it is done.

--short: a few trials of each fault, no file; --only PART: keep the other parts.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import import_module

from visbase.pipeline.experiments.provenance import commit, cpu, dirty
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.atomic import atomic_write

GROUPS = {  # title of a part -> its module
    "Killed": "kills",
    "Runs at the same time, and a corrupt cache": "together",
    "Not enough disk or memory": "room",
    "Random input": "fuzz",
    "Model files": "attacks",
    "Bad input": "bad_input",
    "Reproducibility": "determinism",
    "Numbers not to believe": "guards",
}
TABLE = ROOT / "docs" / "reliability.md"
BEGIN = "# Reliability\n\nWritten by `make soak`."
HEAD = "| fault | trials | outcome |\n| --- | ---: | --- |"
NOTES = ROOT / "tests" / "soak" / "notes.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", choices=GROUPS, help="try only this part")
    options = parser.parse_args()
    if options.short and not options.only:
        return _short_parts()
    n_failed = 0
    for title in [options.only] if options.only else GROUPS:
        changed = " with uncommitted changes" if dirty() else ""
        revision = f"commit {(commit() or 'unknown')[:10]}{changed}"
        lines = [f"{datetime.now(UTC):%Y-%m-%d}, {revision}, {cpu()}.\n", HEAD]
        started = time.perf_counter()
        for fault in import_module(f"tests.soak.{GROUPS[title]}").faults(options.short):
            seconds = time.perf_counter() - started
            line = f"{fault.name}: {fault.trials:,} trials, {seconds:.0f} s"
            problems = [f"  BAD {problem}" for problem in fault.problems]
            print("\n".join([line, *problems]), file=sys.stderr)
            n_failed += len(problems)
            outcome = "; ".join(fault.problems) or fault.outcome
            lines.append(f"| {fault.name} | {fault.trials:,} | {outcome} |")
            started = time.perf_counter()
        if not options.short:
            _replace_part(title, "\n".join(lines))
    print(f"{n_failed} trials failed" if n_failed else "every trial passed")
    return min(n_failed, 1)


def _short_parts() -> int:
    """Try the parts in processes of their own, one per core; 1 if any trial failed."""
    command = [sys.executable, "-m", "tests.soak", "--short", "--only"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ended = pool.map(lambda title: subprocess.run([*command, title]), GROUPS)
        return max(abs(done.returncode) for done in ended)


def _replace_part(title: str, part: str) -> None:
    """Replace one part of the file; keep the others with their dates and commits."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    old = [part.partition("\n\n") for part in text.split("\n## ")[1:]]
    parts = {head: body.strip() for head, _, body in old} | {title: part}
    kept = [f"## {head}\n\n{parts[head]}" for head in GROUPS if head in parts]
    notes = NOTES.read_text(encoding="utf-8")
    with atomic_write(TABLE) as file:
        file.write("\n\n".join([BEGIN, *kept, notes]).encode())


if __name__ == "__main__":
    sys.exit(main())
