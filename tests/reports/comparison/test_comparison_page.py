"""The page of a comparison in a real browser, with numbers counted by hand."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page

from tests.reports.browser import grave_violations, opened
from tests.reports.comparison.builders import answers, contestant
from visbase.pipeline.datasets.findings import Copies
from visbase.reports.comparison.contestants import Contestant
from visbase.reports.comparison.page import render_page
from visbase.reports.comparison.suspicion import find_suspicious
from visbase.reports.comparison.table import table_rows

HOSTILE = "</script><img src=x onerror=\"document.title='hacked'\">"
CLASSES = ["cat", "dog", HOSTILE]
# in the folder of the last class, names may hold a slash: the rest is the file's name
NAMES = ["cat/0.png", "cat/1.png", "cat/2.png", "cat/3.png"]
NAMES += ["dog/4.png", "dog/5.png", "dog/6.png", f"dog/{HOSTILE}'.png"]
TRUTH = [0, 0, 0, 0, 1, 1, 1, 1]
#        0  1  2  3  4  5  6  7
FISHER = [0, 0, 1, 1, 1, 1, 0, 2], [0.5, 0.5, 0.6, 0.8, 0.5, 0.5, 0.4, 0.95]
NET = [0, 1, 1, 0, 1, 1, 1, 2], [0.5, 0.9, 0.7, 0.5, 0.5, 0.5, 0.5, 0.85]
# tested by the second split, too, in which only fisher is wrong about 7
AGAIN = [2, 4, 7]
UPPER = np.repeat([100, -100], 8).reshape(4, 4).astype(np.int8)  # half for the class


def methods() -> list[Contestant]:
    """Two methods with a chance, one without, one that failed."""
    maps = np.stack([UPPER, UPPER, UPPER])  # of three of fisher's four mistakes
    curve = np.array([[0] * 8, FISHER[0], FISHER[0]])
    names = [NAMES[i] for i in AGAIN]
    given: dict[str, Any] = {"classes": CLASSES, "n_train": 80}
    first = answers(
        "fisher", NAMES, TRUTH, *FISHER, **given, evidence=maps, curve=curve
    )
    second = answers(
        "fisher", names, [0, 1, 1], [0, 1, 2], [0.5, 0.5, 0.9], **given, seed=1
    )
    net = {"pretrained": {"trained_on": "other <i>photographs"}, "family": "network"}
    return [
        contestant(first, second),
        contestant(answers("net", NAMES, TRUTH, *NET, **given, **net)),
        contestant(answers("majority", NAMES, TRUTH, [0] * 8, **given)),
        Contestant("broken", "no <b>good</b>", [], "no <memory>"),
    ]


def write_photographs(root: Path) -> None:
    for i, name in enumerate(NAMES):
        if name != "dog/6.png":  # which has vanished
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (60, 40), (20 * i, 200, 100)).save(path)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page in Chromium; no test may make it log or request anything."""
    root = tmp_path_factory.mktemp("photos")
    write_photographs(root)
    contestants = methods()
    names = ("cat/1.png", "cat/new.png")
    copies = [Copies(names, ("cat", "cat"), ("test", "train"))]
    suspicious = find_suspicious(contestants, copies, [])
    table = table_rows(contestants)
    sentences = ["fisher <b>wins</b>."]
    html = render_page(
        root,
        contestants,
        CLASSES,
        table,
        sentences,
        suspicious,
        ["2 <i>classes", "  cat  4"],
    )
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(html, "utf-8")
    with opened(path) as page:
        yield page
        assert page.title() == f"visbase: {root.name}"  # no name became a script


def cards(page: Page) -> list[int]:
    """Positions in NAMES of the photographs in the gallery, in their order."""
    names = page.locator("#gallery .card .name").all_text_contents()
    return [NAMES.index(name) for name in names]


def choose(page: Page, **values: str) -> list[int]:
    """Set filters by the shown text, the others to their first entry."""
    page.evaluate("filters.reset()")
    for name, label in values.items():
        page.locator(f"#filters [name={name}]").select_option(label=label)
    page.evaluate("filter()")
    return cards(page)


@pytest.mark.parametrize("width", [1400, 390])
def test_page_fits_and_is_accessible(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        if scheme == "dark":
            page.locator("#gallery .card").first.click()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert grave_violations(page) == []
    page.keyboard.press("Escape")


def test_texts_are_shown_as_they_are(page: Page) -> None:
    header = page.locator("header").inner_text()
    assert "fisher <b>wins</b>." in header
    assert "2 <i>classes" in page.locator("#table").inner_text()
    table = page.locator("#comparison").inner_text()
    assert "failed: no <memory>" in table
    assert table.index("Also trained on other <i>photographs") < table.index("net")
    assert table.index("fisher") < table.index("Also trained on")
    assert HOSTILE in page.locator("#matrix thead").inner_text()
    assert page.locator("script").count() == 3  # the data, the chart, the code


def test_mistakes_are_filtered_the_most_confident_first(page: Page) -> None:
    # mean over both methods: 7: .9, 2: .65, 1: .45, 3: .4, 6: .2
    assert choose(page) == [7, 2, 1, 3, 6]
    assert page.locator("#shown").inner_text() == "5 photographs"
    assert choose(page, method="fisher") == [7, 3, 2, 6]
    assert choose(page, method="net") == [1, 7, 2]
    assert choose(page, outcome="misclassified by all methods") == [7, 2]
    assert choose(page, truth="cat", predicted="dog") == [2, 1, 3]
    assert choose(page, predicted=HOSTILE) == [7]
    assert choose(page, split="2") == [7]
    right = choose(page, outcome="correctly classified", method="net")
    assert sorted(right) == [0, 3, 4, 5, 6]


def test_card_says_what_each_method_answers_and_how_sure(page: Page) -> None:
    choose(page)
    lines = page.locator("#gallery .card").nth(1).locator("span").all_text_contents()
    lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines if line]
    assert lines == [
        "cat/2.png",
        "true class: cat",
        "fisher: dog 60 %",
        "net: dog 70 %",
        "wrong in 1 of 2 splits",
    ]


def test_number_in_the_confusion_matrix_opens_its_photographs(page: Page) -> None:
    for method, true, predicted, n_tests, shown in (
        ("fisher", 0, 1, 2, [2, 3]),
        ("fisher", 0, 0, 3, [0, 1, 2]),  # 2 is right in the second split
        ("fisher", 1, 1, 3, [4, 5]),
        ("fisher", 1, 2, 2, [7]),
        ("net", 0, 1, 2, [1, 2]),
    ):
        page.locator("#confusion-method").select_option(label=method)
        row = page.locator("#matrix tbody tr").nth(true)
        button = row.locator("td").nth(predicted).locator("button")
        assert button.inner_text() == str(n_tests)
        button.press("Enter")
        assert sorted(cards(page)) == shown
        assert page.evaluate("document.activeElement.tagName") == "H2"
    counts = page.locator("#matrix td").all_inner_texts()
    assert [int(count) for count in counts] == [2, 2, 0, 0, 3, 1, 0, 0, 0]


def colours(canvas: Locator) -> np.ndarray:
    """Red, green, blue and opacity of each pixel, (h, w, 4)."""
    code = """canvas => [canvas.height, canvas.width, ...canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data]"""
    height, width, *values = canvas.evaluate(code)
    return np.reshape(values, (height, width, 4))


def test_dialog_shows_the_evidence_over_the_photograph(page: Page) -> None:
    choose(page, method="fisher")  # 7, 3, 2, 6
    page.locator("#gallery .card").nth(1).press("Enter")
    dialog = page.locator("dialog")
    assert dialog.locator("h3").inner_text() == "cat/3.png"
    rows = dialog.locator("tbody tr").all_inner_texts()
    assert rows == ["fisher\tdog\t80\t10", "net\tcat\t50\t50"]
    canvas = dialog.locator("canvas")
    assert canvas.count() == 1
    drawn = colours(canvas)
    assert drawn.shape == (4, 4, 4)
    assert (drawn[:2, :, 0] > drawn[:2, :, 2] + 100).all()  # red speaks for dog
    assert (drawn[2:, :, 2] > drawn[2:, :, 0] + 100).all()
    assert canvas.bounding_box() == dialog.locator(".frame img").nth(1).bounding_box()
    assert dialog.locator("#legend").is_visible()
    page.keyboard.press("ArrowLeft")  # fisher's fourth mistake, which has no map
    assert dialog.locator("h3").inner_text() == NAMES[7]
    assert "Some method is wrong in 2 of 2 splits" in dialog.inner_text()
    assert canvas.count() == 0
    assert not dialog.locator("#legend").is_visible()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_vanished_photograph_is_a_grey_tile_with_its_name(page: Page) -> None:
    choose(page)
    tile = page.locator("#gallery .card").nth(4)
    assert tile.locator(".name").text_content() == "dog/6.png"
    assert tile.locator("img").count() == 0
    box = tile.locator(".picture").bounding_box()
    assert box is not None
    assert box["width"] == pytest.approx(box["height"], abs=1)


def test_suspicious_files_come_before_the_classes_and_open(page: Page) -> None:
    section = page.locator("#suspicious")
    names = section.locator(".card .name").all_text_contents()
    assert names == [NAMES[7], "cat/1.png", "cat/new.png"]
    assert "is labelled dog; fisher and net say" in section.inner_text()
    order = page.locator("main > section").evaluate_all("all => all.map(s => s.id)")
    assert order[:4] == ["table", "suspicious", "curves", "classes"]
    section.locator(".card").nth(2).click()
    dialog = page.locator("dialog")
    assert "Not among the test photographs." in dialog.inner_text()
    page.keyboard.press("Escape")
    section.locator(".card").nth(0).click()
    assert dialog.locator("tbody tr").count() == 2
    page.keyboard.press("Escape")


def test_learning_curve_has_a_table(page: Page) -> None:
    cells = page.locator("#curves tbody tr").all_text_contents()
    assert cells == ["1050.0", "2050.0", "4050.0", "8050.0"]  # 4 of 8 are right


def test_all_but_the_pictures_of_5000_photographs_takes_little(tmp_path: Path) -> None:
    """Pictures take 10 MB at most, see the tests of thumbnails."""
    names = [f"a class of photographs/{i:036}.jpg" for i in range(5000)]
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 5000)
    contestants = []
    for method in ("one", "two", "three"):
        splits = []
        for seed in range(3):
            prediction = rng.integers(0, 3, 5000)
            maps = rng.integers(-127, 127, (3000, 32, 32), np.int8)
            sure = rng.uniform(0.4, 1, 5000)
            facts = {"seed": seed, "evidence": maps}
            splits.append(answers(method, names, truth, prediction, sure, **facts))
        contestants.append(contestant(*splits))
    html = render_page(tmp_path, contestants, CLASSES, [], [], [], [])
    assert len(html.encode()) < 5_000_000


def test_page_of_failures_alone_shows_the_reason(tmp_path: Path) -> None:
    failed = [Contestant("broken", "", [], "no <memory>")]
    html = render_page(tmp_path, failed, [], table_rows(failed), [], [], [])
    assert "failed: no &lt;memory&gt;" in html
    assert not re.search("https?:", html.partition("<svg")[0])
