"""The page in a real browser: opens from disk, sorts, filters, opens a digit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.reports.test_compare import add_failure, add_run, tiny_dataset
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage import ROOT
from visbase.reports.compare import compare, read_runs, require_images_of
from visbase.reports.findings import find_findings
from visbase.reports.page import render_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--no-first-run"]
MNIST = ROOT / "reports" / "results" / "mnist"

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield found
        found.close()


@pytest.fixture(scope="module")
def written(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the committed records."""
    runs = read_runs(MNIST.parent, "mnist")
    path = tmp_path_factory.mktemp("page") / "index.html"
    findings = find_findings(MNIST.parents[1], mnist)
    page = render_page(compare(runs), runs, mnist, findings)
    path.write_text(page, "utf-8")
    return path


class Opened:
    """The page in a window, and what the browser said and asked for."""

    def __init__(self, browser: Browser, path: Path, width: int, scheme: str) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture(
    params=[(1400, "light"), (390, "dark")], ids=["wide", "phone"], scope="module"
)
def opened(
    browser: Browser, written: Path, request: pytest.FixtureRequest
) -> Iterator[Opened]:
    width, scheme = request.param
    found = Opened(browser, written, width, scheme)
    yield found
    found.page.context.close()


@in_browser
def test_page_opens_from_disk_without_errors_or_requests(
    opened: Opened, written: Path
) -> None:
    opened.page.locator("#atlas .tile").first.wait_for()
    assert opened.said == []
    asked = [url for url in opened.asked if not url.startswith("data:")]
    assert asked == [written.as_uri()]
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    assert width == opened.page.viewport_size["width"]  # type: ignore[index]
    assert written.stat().st_size < 5_000_000


def first_column(page: Page) -> list[str]:
    heads = page.locator("#comparison tbody th")
    return [str(one).split("\n")[0] for one in heads.all_inner_texts()]


@in_browser
def test_table_is_sorted_by_the_column_that_is_pressed(opened: Opened) -> None:
    page = opened.page
    before = first_column(page)
    heads = page.locator("#comparison thead button")
    assert heads.nth(6).inner_text() == "fit s"
    heads.nth(6).click()
    values = page.locator("#comparison tbody tr td:nth-child(7)").evaluate_all(
        "cells => cells.map(cell => cell.dataset.value)"
    )
    known = [float(value) for value in values if value]
    assert known == sorted(known)
    assert values[len(known) :] == [""] * (len(values) - len(known))
    heads.nth(6).click()
    again = page.locator("#comparison tbody tr td:nth-child(7)").evaluate_all(
        "cells => cells.map(cell => cell.dataset.value)"
    )
    assert [float(value) for value in again if value] == known[::-1]
    heads.nth(0).click()
    names = first_column(page)
    assert names == sorted(names)
    assert sorted(before) == names


@in_browser
def test_atlas_is_filtered_and_ordered(opened: Opened, mnist: Dataset) -> None:
    page = opened.page
    runs = {one.method: one for one in read_runs(MNIST.parent, "mnist")}
    truth, answer = runs["bovw_pyramid"].predictions[0]
    page.locator("#filters [name=method]").select_option("bovw_pyramid")
    assert tile_positions(page) == set(np.flatnonzero(truth != answer))
    page.locator("#filters [name=truth]").select_option("9")
    wrong = np.flatnonzero((truth == 9) & (answer != 9))
    assert tile_positions(page) == set(wrong)
    page.locator("#filters [name=answer]").select_option("4")
    assert tile_positions(page) == set(np.flatnonzero((truth == 9) & (answer == 4)))
    page.locator("#filters [name=answer]").select_option("")
    page.locator("#filters [name=order]").select_option("position")
    shown = [int(label.split()[2].strip(":")) for label in tile_labels(page)]
    assert shown == sorted(wrong)
    total = re.search(r"of (\d+)", page.locator("#shown").inner_text())
    assert total is not None
    assert page.locator("#shown").inner_text() == f"{len(wrong)} of {total[1]} images"


def tile_labels(page: Page) -> list[str]:
    found: list[str] = page.locator("#atlas .tile").evaluate_all(
        "tiles => tiles.map(tile => tile.ariaLabel)"
    )
    return found


def tile_positions(page: Page) -> set[int]:
    return {int(label.split()[2].strip(":")) for label in tile_labels(page)}


@in_browser
def test_pressed_digit_shows_what_every_method_says(opened: Opened) -> None:
    page = opened.page
    tile = page.locator("#atlas .tile").first
    position = int(str(tile.get_attribute("aria-label")).split()[2].strip(":"))
    tile.click()
    dialog = page.locator("dialog")
    assert f"Test image {position}:" in dialog.locator("h3").inner_text()
    for one in read_runs(MNIST.parent, "mnist"):
        if one.method == "majority":
            continue
        line = dialog.locator("tr").filter(
            has=page.get_by_role("cell", name=one.method, exact=True)
        )
        expected = str(one.predictions[0][1][position])
        assert line.locator("td").nth(1).inner_text() == expected
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


@in_browser
def test_confusion_of_the_chosen_method_adds_up_to_all_images(opened: Opened) -> None:
    for method in ("linear", "bovw_pyramid"):
        opened.page.locator("#confusion-method").select_option(method)
        cells = opened.page.locator("#confusion td").all_inner_texts()
        assert len(cells) == 100
        assert sum(map(float, cells)) == pytest.approx(10_000, abs=3)  # rounded means


@in_browser
def test_page_has_no_serious_accessibility_violation(opened: Opened) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(opened.page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in grave] == []


def small_page(folder: Path) -> str:
    runs = read_runs(folder, "tiny")
    return render_page(compare(runs), runs, tiny_dataset("tiny"))


def test_failed_method_stands_in_the_page_with_its_reason(tmp_path: Path) -> None:
    add_run(tmp_path, "linear", range(2), dataset="tiny")
    add_failure(tmp_path, "broken", "no <memory> & no hope", dataset="tiny")
    html = small_page(tmp_path)
    assert "failed: no &lt;memory&gt; &amp; no hope" in html
    assert "no <memory>" not in html


def test_page_can_be_made_where_nothing_worked_and_where_nothing_is_wrong(
    tmp_path: Path,
) -> None:
    add_failure(tmp_path / "a", "broken", "no memory", dataset="tiny")
    assert "failed: no memory" in small_page(tmp_path / "a")
    add_run(tmp_path / "b", "linear", dataset="tiny")
    assert "0 test images that at least one of 1 methods" in small_page(tmp_path / "b")


def test_records_of_other_test_images_are_refused(tmp_path: Path) -> None:
    add_run(tmp_path, "linear", dataset="tiny")
    runs = read_runs(tmp_path, "tiny")
    data = tiny_dataset("tiny")
    other = replace(data, test=replace(data.test, labels=data.test.labels[::-1]))
    with pytest.raises(BadInput, match="tiny: its test labels are not those"):
        require_images_of(other, runs)
    fewer = replace(data, classes=data.classes[:4])
    with pytest.raises(BadInput, match=r"seed0.npy: a prediction outside 0 to 3"):
        require_images_of(fewer, runs)
