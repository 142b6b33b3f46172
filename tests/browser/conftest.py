"""One real Chromium for all these tests, Debian's; it reaches nothing but the page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from headrace.results.pages import write_run_page, write_sweep_page
from headrace.results.records import RunRecord, SweepRecord
from tests import debian
from tests.results.pages.samples import (
    HOSTILE,
    evaluation,
    log,
    request,
    run_folder,
    sweep_folder,
)

PROGRAM = "chromium"
FLAGS = (
    "--no-sandbox",  # tests may run as root, where Chromium has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}

Opened = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if shutil.which(PROGRAM) is None and debian.can_install():
        debian.install([PROGRAM])
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip("there is no Chromium here, and only root on Debian can install it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Opens a page; afterwards it must have said nothing, and asked for nothing but itself."""
    contexts, said, asked = [], [], []

    def open_page(file: Path, *, dark: bool = False, phone: bool = False) -> Page:
        context = browser.new_context(
            viewport=PHONE if phone else DESK,
            color_scheme="dark" if dark else "light",
            offline=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    own = [url for url in asked if not url.startswith("data:,")]
    for context in contexts:
        context.close()
    assert said == []
    assert all(url.startswith("file:") and url.endswith(".html") for url in own), own
    assert len(own) == len(contexts)


@pytest.fixture(scope="session")
def run_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run whose values are as bad as they can be."""
    content = log(6_000, values=("plain", *HOSTILE)).replace(",value,", ',"<i>na""me\u202e",')
    folder = run_folder(
        tmp_path_factory.mktemp("run"),
        content,
        evaluation=evaluation(),
        request=request(HOSTILE[1]),
    )
    return write_run_page(RunRecord.read(folder))


@pytest.fixture(scope="session")
def sweep_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of five widths of two transforms, one run of which failed."""
    place = tmp_path_factory.mktemp("sweep")
    losses = {256: 0.42, 4096: 0.41, 65536: 0.4001, 2**20: 0.4, 2**24: 0.4002}
    runs: list[tuple[dict[str, str], Path | str]] = [
        (
            {"transform.n_features": str(width), "transform": kind},
            run_folder(place, n_features=width, evaluation=evaluation(loss + extra)),
        )
        for kind, extra in (("hashing", 0.0), (HOSTILE[0], 0.01))
        for width, loss in losses.items()
    ]
    runs.append(({"transform.n_features": "0", "transform": "hashing"}, HOSTILE[1]))
    return write_sweep_page(SweepRecord.read(sweep_folder(place / "sweep", runs)))
