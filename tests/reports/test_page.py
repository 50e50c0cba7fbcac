"""The page in a real browser: opens from disk, sorts, filters, opens a digit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.reports.browser import grave_violations, opened
from tests.reports.builders import Committed, add_failure, tiny_dataset
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.evaluation import confusion_matrix
from visbase.reports.compare import compare, read_runs
from visbase.reports.page import render_page


@pytest.fixture(scope="module")
def page(
    committed: Committed, mnist: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """The committed records in Chromium; no test may make it log or request a thing."""
    rows, runs, findings = committed
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(render_page(rows, runs, mnist, findings), "utf-8")
    assert path.stat().st_size < 5_000_000
    with opened(path) as page:
        yield page


@pytest.mark.parametrize(
    ("width", "scheme"), [(1400, "light"), (390, "dark")], ids=["wide", "phone"]
)
def test_page_fits_and_is_accessible(page: Page, width: int, scheme: Any) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.locator("#atlas .tile").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert grave_violations(page) == []


def first_column(page: Page) -> list[str]:
    heads = page.locator("#comparison tbody th")
    return [str(one).split("\n")[0] for one in heads.all_inner_texts()]


def test_table_is_sorted_by_the_selected_column(page: Page) -> None:
    before = first_column(page)
    heads = page.locator("#comparison thead button")
    assert heads.nth(6).inner_text() == "fit (s)"
    orders = []
    for _ in range(2):
        heads.nth(6).click()
        cells = page.locator("#comparison tbody tr td:nth-child(7)")
        values = cells.evaluate_all("all => all.map(cell => cell.dataset.value)")
        known = [float(value) for value in values if value]
        assert values[len(known) :] == [""] * (len(values) - len(known))
        orders.append(known)
    assert orders[0] == sorted(orders[0]) == orders[1][::-1]
    heads.nth(0).click()
    assert first_column(page) == sorted(before)


def positions(page: Page) -> list[int]:
    """Positions in the test set of the images shown, from "Test image 7: ..."."""
    tiles = page.locator("#atlas .tile")
    labels = tiles.evaluate_all("all => all.map(tile => tile.ariaLabel)")
    return [int(label.split()[2].strip(":")) for label in labels]


def test_atlas_is_filtered_and_ordered(page: Page, committed: Committed) -> None:
    predictions = {runs.method: runs.predictions[0] for runs in committed[1]}
    truth, answer = predictions["bovw_pyramid"]
    wrong = truth != answer
    for name, value, shown in (
        ("method", "bovw_pyramid", wrong),
        ("truth", "9", wrong & (truth == 9)),
        ("answer", "4", wrong & (truth == 9) & (answer == 4)),
        ("answer", "", wrong & (truth == 9)),
    ):
        page.locator(f"#filters [name={name}]").select_option(value)
        assert {*positions(page)} == {*np.flatnonzero(shown)}
    page.locator("#filters [name=order]").select_option("position")
    assert positions(page) == np.flatnonzero(shown).tolist()
    assert f"Showing {shown.sum()} of " in page.locator("#shown").inner_text()


def test_selected_digit_shows_predictions(page: Page, committed: Committed) -> None:
    position = positions(page)[0]
    page.locator("#atlas .tile").first.click()
    dialog = page.locator("dialog")
    assert f"Test image {position}:" in dialog.locator("h3").inner_text()
    for runs in committed[1]:
        if runs.method != "majority":  # which is wrong too often to be shown
            name = page.get_by_role("cell", name=runs.method, exact=True)
            cells = dialog.locator("tr").filter(has=name).locator("td")
            assert cells.nth(1).inner_text() == str(runs.predictions[0][1][position])
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def test_confusion_of_the_chosen_method_adds_up_to_all_images(page: Page) -> None:
    for method in ("linear", "bovw_pyramid"):
        page.locator("#confusion-method").select_option(method)
        cells = page.locator("#confusion td").all_inner_texts()
        assert len(cells) == 100
        assert sum(map(float, cells)) == pytest.approx(10_000, abs=3)  # rounded means


def lit(page: Page, place: str) -> set[str]:
    """The methods that are highlighted there."""
    marks = page.locator(f"{place} .lit").evaluate_all(
        "all => all.map(mark => mark.dataset.method)"
    )
    return {*marks}


def test_value_pointed_at_is_shown_and_its_method_highlighted_everywhere(
    page: Page, committed: Committed
) -> None:
    charts = ("#charts figure:nth-child(1)", "#charts figure:nth-child(2)")
    page.locator(f"{charts[0]} .values [data-method=lenet5]").hover()
    tip = page.locator(f"{charts[0]} [aria-label=tip]").text_content()
    (row,) = [row for row in committed[0] if row.method == "lenet5"]
    error, low, high = (row[name] for name in ("error_pct", "low_pct", "high_pct"))
    figures = f"{error:.3g} ({low:.3g} to {high:.3g})"
    for text in ("lenet5", figures, "published: 0.95"):
        assert text in (tip or "")
    for place in (*charts, "#worth", "#networks", "#comparison", "#agreement"):
        assert lit(page, place) == {"lenet5"}
    page.locator("#comparison tr[data-method=convnet] th").hover()
    assert lit(page, "body") == {"convnet"}
    page.locator("h1").hover()
    assert lit(page, "body") == set()


def test_arrow_keys_read_out_values_and_legends_keep_a_method(page: Page) -> None:
    figure = page.locator("#worth figure").first
    figure.locator(".chart").focus()
    page.keyboard.press("ArrowRight")
    said = figure.locator("[role=status]")
    assert "training images: 10\n" in (said.text_content() or "")
    page.keyboard.press("ArrowRight")
    assert "training images: 30\n" in (said.text_content() or "")
    button = figure.get_by_role("button", name="svm_rbf")
    button.click()
    page.locator("h1").hover()
    assert button.get_attribute("aria-pressed") == "true"
    assert lit(page, "body") == {"svm_rbf"}
    page.keyboard.press("Escape")
    page.locator("h1").hover()
    assert lit(page, "body") == set()


@pytest.mark.parametrize("seed", ["4", "1", "0", ""])
def test_mistakes_confusion_and_history_are_those_of_the_chosen_seed(
    page: Page, committed: Committed, seed: str
) -> None:
    (convnet,) = [runs for runs in committed[1] if runs.method == "convnet"]
    page.locator(".seed").last.select_option(seed)
    page.locator("#filters").evaluate("form => form.elements.method.value = 'convnet'")
    page.evaluate(
        "for (const n of ['truth', 'answer']) filters.elements[n].value = ''; filter()"
    )
    run = convnet.first_of_seeds[int(seed or 0)]  # seed 0 ran elsewhere as well
    truth, prediction = convnet.predictions[run]
    assert {*positions(page)} == {*np.flatnonzero(truth != prediction)}
    page.locator("#confusion-method").select_option("convnet")
    rows = page.locator("#confusion tbody tr")
    counts = np.array(
        [row.locator("td").all_inner_texts() for row in rows.all()], float
    )
    if seed:
        np.testing.assert_array_equal(counts, confusion_matrix(truth, prediction, 10))
    history = convnet.records[run].histories[0]
    figure = page.locator("#charts figure").last
    figure.locator("details").evaluate("details => details.open = true")
    heads = figure.locator("thead th").all_inner_texts()
    cells = figure.locator(f"tbody td:nth-child({heads.index('convnet') + 1})")
    shown = [float(text) for text in cells.all_inner_texts() if text]
    assert shown == [round(epoch["error_pct"] or 0, 2) for epoch in history]


def test_every_layer_of_every_network_is_drawn(
    page: Page, committed: Committed
) -> None:
    networks = {runs.method for runs in committed[1] if runs.family == "network"}
    blocks = page.locator("#networks .values [data-method]")
    drawn = blocks.evaluate_all("all => all.map(block => block.dataset.method)")
    assert {*drawn} == networks
    assert drawn.count("lenet5") == 8  # the image and seven layers


def test_networks_of_the_lecture_are_listed_and_some_are_drawn(page: Page) -> None:
    blocks = page.locator("#lecture .values [data-method]")
    drawn = blocks.evaluate_all("all => all.map(block => block.dataset.method)")
    # the image and the layers, as many as in the lecture's table of VGG
    assert {"alexnet", "resnet34_a", "vgg16"} <= {*drawn}
    assert drawn.count("vgg16") == 22
    vgg = page.locator("#lecture details[open] tr", has_text="vgg16")
    assert "138,357,544" in vgg.inner_text()


def test_page_with_only_failures_shows_the_reason_escaped(tmp_path: Path) -> None:
    add_failure(tmp_path, "broken", "no <memory> & no hope", dataset="tiny")
    runs = read_runs(tmp_path, "tiny")
    html = render_page(compare(runs), runs, tiny_dataset("tiny"))
    assert "failed: no &lt;memory&gt; &amp; no hope" in html
    assert "no <memory>" not in html
    assert "All 0 methods" not in html
