"""Renew what stands between markers in Markdown files, and the README's pictures.

<!-- table begins --> ... <!-- table ends -->: the whole table with its notes.
<!-- table begins: linear convnet --> ... <!-- table ends -->: the rows of these methods
with a few columns, without notes.
<!-- findings begin --> ... <!-- findings end -->: the findings' sentences, without
those on the lecture's points.
<!-- finding begins: curves --> ... <!-- finding ends -->: one finding by its name, with
its sentences and its table; "Not measured yet." without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.atomic import write_named
from visbase.pipeline.storage.reading import open_regular
from visbase.reports.compare import short_table, to_markdown
from visbase.reports.findings import Finding
from visbase.reports.measures import Row, Runs

PICTURES = Path("docs") / "pictures"  # beside a file that shows them, the README
TABLE = "<!-- table begins -->", "<!-- table ends -->"
FINDINGS = "<!-- findings begin -->", "<!-- findings end -->"
FINDING = "<!-- finding begins: NAME -->", "<!-- finding ends -->"
NOT_YET = "Not measured yet.\n"
BLOCKS = {  # the whole block; its begin marker, the names in it, its end marker
    TABLE: r"(<!-- table begins(?:: ([\w ]+))? -->).*?(<!-- table ends -->)",
    FINDINGS: r"(<!-- findings begin()? -->).*?(<!-- findings end -->)",
    FINDING: r"(<!-- finding begins: (\w+) -->).*?(<!-- finding ends -->)",
}


def renew_files(
    paths: Sequence[Path],
    rows: Sequence[Row],
    runs: Sequence[Runs],
    dataset: str,
    findings: Sequence[Finding] = (),
) -> None:
    """Renew the marked blocks of each file, and the pictures of those that show them.

    Nothing is written if BadInput is raised for any of the files.
    """
    files: dict[Path, str] = {}
    for path in paths:
        text = _read(path)
        if _shows_pictures(text):
            for name, svg in readme_pictures(rows, runs).items():
                files[path.parent / PICTURES / name] = svg
        files[path] = renewed(path, text, rows, runs, dataset, findings)
    for path, text in files.items():
        with write_named(path) as file:
            file.write(text.encode())


def renewed(
    path: Path,
    text: str,
    rows: Sequence[Row],
    runs: Sequence[Runs],
    dataset: str,
    findings: Sequence[Finding] = (),
) -> str:
    """Return the text with new content between its markers.

    Raises BadInput, which names the path, if the text has no complete pair of markers,
    half a pair, or names a method without a record.
    """
    shown = [finding for finding in findings if finding.section != "lecture"]
    sentences = [line for finding in shown for line in finding.sentences]

    def content(block: re.Match[str]) -> str:
        begin, names, end = block.groups()
        if end == FINDINGS[1]:
            new = "".join(f"- {line}\n" for line in sentences)
        elif end == FINDING[1]:
            chosen_findings = (one for one in findings if one.name == names)
            new = "".join(map(finding_markdown, chosen_findings)) or NOT_YET
        elif names:
            chosen = {row.method: row for row in rows if row.method in names.split()}
            _require_records(path, names.split(), chosen)
            new = short_table(list(chosen.values()), dataset)
        else:
            new = to_markdown(rows, runs, dataset)
        return f"{begin}\n{new}{end}"

    n_blocks = 0
    for (begin, end), pattern in BLOCKS.items():
        text, n = re.subn(pattern, content, text, flags=re.DOTALL)
        n_blocks += n
        marker = re.split(":| -->", begin)[0]  # names may follow
        if not n == text.count(marker) == text.count(end):
            raise BadInput(f"{path}: expected the lines {begin!r} and {end!r} in pairs")
    if not n_blocks:
        expected = " or ".join(f"{begin!r} and {end!r}" for begin, end in BLOCKS)
        raise BadInput(f"{path}: expected the lines {expected}, found neither pair")
    return text


def finding_markdown(finding: Finding) -> str:
    """Return a finding's sentences as a list, and its table."""
    lines = [f"- {sentence}" for sentence in finding.sentences] + [""]
    for row in (finding.head, ("---",) * len(finding.head), *finding.table):
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines).lstrip() + "\n"


def readme_pictures(rows: Sequence[Row], runs: Sequence[Runs]) -> dict[str, str]:
    """Draw the README's pictures: file name -> SVG on a white background."""
    from visbase.reports.figures import cost_chart, error_chart  # slow to import

    families = {method_runs.method: method_runs.family for method_runs in runs}
    return {
        "error.svg": error_chart(rows, families),
        "fit.svg": cost_chart(rows, families, "fit_s"),
    }


def _shows_pictures(text: str) -> bool:
    """Whether the text refers to pictures by their path from the repository's root."""
    return re.search(rf"[(\"]{PICTURES.as_posix()}/\w+\.svg", text) is not None


def _read(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return file.read().decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected UTF-8 text ({error.reason})") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def _require_records(
    path: Path, methods: Sequence[str], chosen: Mapping[str, Row]
) -> None:
    for method in methods:
        if method not in chosen:
            raise BadInput(
                f"{path}: a table names the method {method!r}, which has no record; "
                "run the method or remove its name from the marker"
            )
