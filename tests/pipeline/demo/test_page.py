"""The demo in a real browser, which together with its server asks nobody else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.reports.browser import CHROMIUM, QUIET, grave_violations
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.storage import ROOT

pytestmark = pytest.mark.slow
pytest.importorskip("gradio")

HERE = "127.0.0.1"
# ends the server if it looks up or calls any other machine
SERVER = f"""
import os, sys
def confine(event, arguments):
    at = {{"socket.connect": 1, "socket.getaddrinfo": 0}}.get(event)
    if at is None:
        return
    host = arguments[at]
    host = host[0] if isinstance(host, tuple) else host
    if host not in ("{HERE}", b"{HERE}"):
        print("asked", host, file=sys.stderr)
        os._exit(3)
sys.addaudithook(confine)
from visbase.pipeline.commands import main
main(["demo", "--no-browser", *sys.argv[1:]])
"""
ANSWERED = """
() => document.querySelectorAll(".demo .label").length === 2
  && document.querySelector(".answers").getAttribute("aria-busy") === "false"
"""


@pytest.fixture(scope="module")
def page(fit_models: Callable[[int, str], list[Path]]) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    paths = fit_models(2000, "lenet5")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, *map(str, paths)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell starts its background jobs deaf to Ctrl-C, and so would this one be
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert server.stdout is not None and server.stderr is not None
    line = server.stdout.readline()
    assert line, server.stderr.read()
    address = line.split()[1]
    asked, said = [address], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.locator("canvas").wait_for()
        yield page
        browser.close()
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=20)
    assert (server.returncode, "Traceback" in errors) == (0, False), errors
    ours = (f"http://{HERE}:", "data:", "blob:")
    assert [one for one in asked if not one.startswith(ours)] == []
    assert said == []


def draw_seven(page: Page) -> float:
    """Seconds between the end of the drawing and the answer to it."""
    page.get_by_role("button", name="Clear").click()
    box = page.locator("canvas").bounding_box()
    assert box is not None
    points = ((0.35, 0.2), (0.65, 0.2), (0.45, 0.8))
    for at, (x, y) in enumerate(points):
        page.mouse.move(
            box["x"] + x * box["width"], box["y"] + y * box["height"], steps=12
        )
        if not at:
            page.mouse.down()
    page.mouse.up()
    started = time.perf_counter()
    page.wait_for_function(ANSWERED)
    return time.perf_counter() - started


def labels(page: Page) -> list[str]:
    return page.locator(".label").all_inner_texts()


def test_drawn_seven_is_answered_by_every_model_within_half_a_second(
    page: Page,
) -> None:
    assert any(draw_seven(page) < 0.5 for _ in range(10))  # others may be at work
    assert labels(page) == ["h", "h"]  # the name of class 7


def test_dropped_photograph_of_a_note_is_read_like_predict_does(
    page: Page, mnist: Dataset, tmp_path: Path
) -> None:
    note = np.full((200, 400), 235, np.uint8)
    for left, image in zip((40, 220), mnist.test.images[:2], strict=True):
        note[44:156, left : left + 112] -= image.repeat(4, 0).repeat(4, 1) // 2
    path = tmp_path / "note.jpg"
    Image.fromarray(note).save(path)
    page.get_by_role("button", name="Clear").click()
    page.evaluate(
        """numbers => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(numbers)], "note.jpg"));
            dispatchEvent(new DragEvent("drop", { dataTransfer: data }));
        }""",
        list(path.read_bytes()),
    )
    page.wait_for_function(ANSWERED)
    assert [len(label) for label in labels(page)] == [2, 2]
    page.locator(".card").nth(1).locator("[data-digit='1']").click()
    page.locator(".card").nth(0).locator(
        "[data-digit='1'][aria-pressed=true]"
    ).wait_for()


def test_camera_is_off_once_another_picture_is_there(
    page: Page, tmp_path: Path
) -> None:
    page.evaluate(
        """() => {
            const device = document.createElement("canvas");
            device.getContext("2d");
            const stream = device.captureStream();
            window.track = stream.getTracks()[0];
            navigator.mediaDevices.getUserMedia = async () => stream;
        }"""
    )
    page.get_by_role("button", name="Use the camera").click()
    page.locator("video").wait_for()
    page.get_by_role("button", name="Take the picture").wait_for()
    Image.new("L", (60, 60), 240).save(tmp_path / "blank.png")
    page.locator("input[type=file]").set_input_files(tmp_path / "blank.png")
    page.get_by_role("button", name="Use the camera").wait_for()
    assert page.locator("video").is_hidden()
    assert page.evaluate("window.track.readyState") == "ended"


def test_file_that_is_no_picture_is_a_sentence_on_the_page(
    page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("no picture")
    page.locator("input[type=file]").set_input_files(path)
    page.locator("[role=alert]").wait_for()
    assert page.locator("[role=alert]").inner_text().startswith("letter.jpg: cannot be")
    assert labels(page) == []


@pytest.mark.parametrize(
    ("width", "scheme"), [(1400, "light"), (390, "dark")], ids=["wide", "phone"]
)
def test_page_fits_and_is_accessible_with_its_evidence(
    page: Page, width: int, scheme: Any
) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    page.emulate_media(color_scheme=scheme)
    draw_seven(page)
    page.get_by_role("button", name="Show the evidence").click()
    page.locator(".words").first.wait_for()
    assert page.locator("svg ellipse").count() == 60  # keypoints
    assert page.get_by_role("region", name="Feature maps of lenet5").count() == 1
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == {"light": "rgb(251, 251, 249)", "dark": "rgb(20, 22, 24)"}[scheme]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert grave_violations(page) == []
