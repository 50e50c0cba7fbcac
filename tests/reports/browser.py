"""A page in Chromium that may neither log nor request a thing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--no-first-run"]


@contextmanager
def opened(path: Path) -> Iterator[Page]:
    """Open an HTML file from disk; skip the tests if there is no Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    events: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(reduced_motion="reduce")
        page.on("console", lambda message: events.append(message.text))
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("request", lambda request: events.append(request.url))
        page.goto(path.as_uri())
        yield page
        browser.close()
    assert [one for one in events if not one.startswith("data:")] == [path.as_uri()]


def grave_violations(page: Page) -> list[tuple[str, str]]:
    """What keeps people from reading the page, by axe-core: rules and elements."""
    from axe_playwright_python.sync_playwright import Axe

    # without a list of all that passes, which takes twice the time
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        (one["id"], one["nodes"][0]["html"])
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
