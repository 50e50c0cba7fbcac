"""The page in a real browser: opens from disk, sorts, filters, opens a digit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright

from tests.reports.builders import add_failure, add_run, tiny_dataset
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.storage import ROOT
from visbase.reports.compare import compare, read_runs
from visbase.reports.findings import find_findings
from visbase.reports.page import render_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--no-first-run"]
RESULTS = ROOT / "reports" / "results"

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


@pytest.fixture(scope="module")
def written(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the committed records."""
    runs = read_runs(RESULTS, "mnist")
    path = tmp_path_factory.mktemp("page") / "index.html"
    findings = find_findings(RESULTS.parent, mnist)
    path.write_text(render_page(compare(runs), runs, mnist, findings), "utf-8")
    return path


@dataclass
class Opened:
    """The page in a browser, and what the browser logged and requested."""

    page: Page
    logged: list[str]
    requested: list[str]


@pytest.fixture(scope="module")
def loaded(written: Path) -> Iterator[Opened]:
    """The page, loaded once for all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        opened = Opened(browser.new_page(), [], [])
        opened.page.on("console", lambda message: opened.logged.append(message.text))
        opened.page.on("pageerror", lambda error: opened.logged.append(str(error)))
        opened.page.on("request", lambda request: opened.requested.append(request.url))
        opened.page.goto(written.as_uri())
        yield opened
        browser.close()


@pytest.fixture(
    params=[(1400, "light"), (390, "dark")], ids=["wide", "phone"], scope="module"
)
def opened(loaded: Opened, request: pytest.FixtureRequest) -> Opened:
    """The page on a desktop and on a phone."""
    width, scheme = request.param
    loaded.page.set_viewport_size({"width": width, "height": 900})
    loaded.page.emulate_media(color_scheme=scheme)
    return loaded


@in_browser
def test_page_opens_from_disk_without_errors_or_requests(
    opened: Opened, written: Path
) -> None:
    page = opened.page
    page.locator("#atlas .tile").first.wait_for()
    assert opened.logged == []
    requested = [url for url in opened.requested if not url.startswith("data:")]
    assert requested == [written.as_uri()]
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == page.viewport_size["width"]  # type: ignore[index]
    assert written.stat().st_size < 5_000_000


@in_browser
def test_page_has_no_serious_accessibility_violation(opened: Opened) -> None:
    from axe_playwright_python.sync_playwright import Axe

    violations: list[dict[str, Any]] = Axe().run(opened.page).response["violations"]
    grave = [one for one in violations if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in grave] == []


def first_column(page: Page) -> list[str]:
    heads = page.locator("#comparison tbody th")
    return [str(one).split("\n")[0] for one in heads.all_inner_texts()]


@in_browser
def test_table_is_sorted_by_the_selected_column(loaded: Opened) -> None:
    page = loaded.page
    before = first_column(page)
    heads = page.locator("#comparison thead button")
    assert heads.nth(6).inner_text() == "fit (s)"
    orders = []
    for _ in range(2):
        heads.nth(6).click()
        values = page.locator("#comparison tbody tr td:nth-child(7)").evaluate_all(
            "cells => cells.map(cell => cell.dataset.value)"
        )
        known = [float(value) for value in values if value]
        assert values[len(known) :] == [""] * (len(values) - len(known))
        orders.append(known)
    assert orders[0] == sorted(orders[0]) == orders[1][::-1]
    heads.nth(0).click()
    assert first_column(page) == sorted(before)


@in_browser
def test_atlas_is_filtered_and_ordered(loaded: Opened, mnist: Dataset) -> None:
    page = loaded.page
    runs = {one.method: one for one in read_runs(RESULTS, "mnist")}
    truth, answer = runs["bovw_pyramid"].predictions[0]
    page.locator("#filters [name=method]").select_option("bovw_pyramid")
    assert set(positions(page)) == set(np.flatnonzero(truth != answer))
    page.locator("#filters [name=truth]").select_option("9")
    wrong = np.flatnonzero((truth == 9) & (answer != 9))
    assert set(positions(page)) == set(wrong)
    page.locator("#filters [name=answer]").select_option("4")
    assert set(positions(page)) == set(np.flatnonzero((truth == 9) & (answer == 4)))
    page.locator("#filters [name=answer]").select_option("")
    page.locator("#filters [name=order]").select_option("position")
    assert positions(page) == sorted(wrong)
    assert f"Showing {len(wrong)} of " in page.locator("#shown").inner_text()


def positions(page: Page) -> list[int]:
    """Positions in the test set of the images shown, from "Test image 7: ..."."""
    labels = page.locator("#atlas .tile").evaluate_all(
        "tiles => tiles.map(tile => tile.ariaLabel)"
    )
    return [int(label.split()[2].strip(":")) for label in labels]


@in_browser
def test_selected_digit_shows_what_every_method_predicts(loaded: Opened) -> None:
    page = loaded.page
    position = positions(page)[0]
    page.locator("#atlas .tile").first.click()
    dialog = page.locator("dialog")
    assert f"Test image {position}:" in dialog.locator("h3").inner_text()
    for one in read_runs(RESULTS, "mnist"):
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
def test_confusion_of_the_chosen_method_adds_up_to_all_images(loaded: Opened) -> None:
    for method in ("linear", "bovw_pyramid"):
        loaded.page.locator("#confusion-method").select_option(method)
        cells = loaded.page.locator("#confusion td").all_inner_texts()
        assert len(cells) == 100
        assert sum(map(float, cells)) == pytest.approx(10_000, abs=3)  # rounded means


def small_page(folder: Path) -> str:
    runs = read_runs(folder, "tiny")
    return render_page(compare(runs), runs, tiny_dataset("tiny"))


def test_page_with_only_failures_shows_the_reason_escaped(tmp_path: Path) -> None:
    add_failure(tmp_path, "broken", "no <memory> & no hope", dataset="tiny")
    html = small_page(tmp_path)
    assert "failed: no &lt;memory&gt; &amp; no hope" in html
    assert "no <memory>" not in html


def test_page_without_a_single_error_can_be_made(tmp_path: Path) -> None:
    add_run(tmp_path, "linear", dataset="tiny")
    assert "0 test images are misclassified" in small_page(tmp_path)
