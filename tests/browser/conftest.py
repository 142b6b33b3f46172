"""One real Chromium for all these tests, Debian's; it reaches nothing but the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from headrace.flow.states import JobState
from headrace.results.pages import (
    try_flow_page,
    write_compare_page,
    write_run_page,
    write_sweep_page,
)
from headrace.results.records import SweepRecord
from headrace.results.stored import RunRecord
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
ZOOMED: ViewportSize = {"width": DESK["width"] // 2, "height": DESK["height"] // 2}
"""What is left of the desk at 200 %, https://www.w3.org/TR/WCAG22/#resize-text."""

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

    def open_page(
        file: Path, *, dark: bool = False, phone: bool = False, zoomed: bool = False
    ) -> Page:
        context = browser.new_context(
            viewport=PHONE if phone else ZOOMED if zoomed else DESK,
            device_scale_factor=2 if zoomed else 1,
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


@pytest.fixture(scope="session")
def search_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a sweep over three keys, which is drawn as parallel coordinates."""
    place = tmp_path_factory.mktemp("search")
    folder = run_folder(place, evaluation=evaluation())
    keys = ("evaluation.passes", "evaluation.alpha", HOSTILE[0])
    values = [(1, 0.1, "a"), (2, 0.02, "b"), (3, 0.3, HOSTILE[0]), (1, 0.04, "long " * 30)]
    runs = [(dict(zip(keys, map(str, each), strict=True)), folder) for each in values]
    return write_sweep_page(SweepRecord.read(sweep_folder(place / "sweep", runs)))


@pytest.fixture(scope="session")
def script_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a program's run."""
    folder = tmp_path_factory.mktemp("script")
    part = {"file": "model/weights.json", "bytes": 999, "sha256": "0" * 64}
    manifest = {
        "program": {
            "kind": "script",
            "command": ["python3", HOSTILE[0]],
            "entry": "fit.py",
            "sha256": "1" * 64,
        },
        "request_sha256": "2" * 64,
        "versions": {"python": "3.12"},
        "inputs": {"data": {"files": 2, "bytes": 1000}},
        "outputs": {"model": {"files": 1, "bytes": 999, "parts": [part]}},
    }
    files = {
        "report/manifest.json": json.dumps(manifest),
        "report/timings.json": json.dumps({"seconds": 2.5, "peak_memory_mb": 120}),
        "report/log.txt": "a line\n" * 50,
        "request.json": json.dumps(request(HOSTILE[1])),
    }
    (folder / "report").mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return write_run_page(RunRecord.read(folder))


@pytest.fixture(scope="session")
def flow_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a flow in which a job failed."""
    jobs = [
        JobState("prepare", "unchanged", place="/out/prepare", rows=4000, kind="chain"),
        JobState("fit", "done", place="/out/fit", seconds=1.25, needs=("prepare",), kind="script"),
        JobState("other", "failed", HOSTILE[0] * 5, needs=("prepare",), kind="script"),
        JobState("judge", "blocked", "other has no result", needs=("prepare", "fit", "other")),
        JobState("later", "skipped", "auc is 0.6", needs=("judge",), kind="image"),
    ]
    links = {"prepare": "prepare/report/report.html", "fit": "fit/report/report.html"}
    page = try_flow_page(
        tmp_path_factory.mktemp("flow"), "nightly", jobs, links, {"target": "local"}
    )
    assert page is not None
    return page


@pytest.fixture(scope="session")
def compare_page(run_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two results with other widths and evaluations."""
    place = tmp_path_factory.mktemp("compared")
    other = run_folder(place, n_features=4096, evaluation=evaluation(0.39, 0.77), request=request())
    records = (RunRecord.read(run_page.parent.parent), RunRecord.read(other))
    settings = [("transform.n_features", "64", "4096"), ("dataset.path", *HOSTILE[:2])]
    return write_compare_page(place / "compared.html", records, settings, ["train: 3 rows differ"])
