"""The page of a flow: jobs in layers, whatever stands in them."""

from __future__ import annotations

from xml.etree import ElementTree

from headrace.flow.states import JobState
from headrace.results.pages.document import render
from headrace.results.pages.flow_page import HEIGHT, WIDTH, drawn, flow_page, layered

JOBS = [
    JobState("prepare", "unchanged", place="/out/prepare", rows=4000, kind="chain"),
    JobState("fit", "done", place="/out/fit", seconds=1.25, needs=("prepare",), kind="script"),
    JobState("other", "failed", "<b>no</b> & more", needs=("prepare",), kind="script"),
    JobState("judge", "blocked", "other has no result", needs=("prepare", "fit", "other")),
]


def test_each_job_stands_below_all_that_it_needs() -> None:
    needs = {job.label: job.needs for job in JOBS}
    assert layered(needs) == [["prepare"], ["fit", "other"], ["judge"]]
    assert layered({}) == []
    crossed = {"a": (), "b": (), "c": ("b",), "d": ("a",)}
    assert layered(crossed) == [["a", "b"], ["d", "c"]]


def test_boxes_do_not_overlap_and_lines_lead_downwards() -> None:
    drawing = drawn(JOBS, {})
    for one in drawing.boxes:
        assert 0 <= one.x <= drawing.width - WIDTH
        assert 0 <= one.y <= drawing.height - HEIGHT
        for other in drawing.boxes:
            apart = abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
            assert one is other or apart
    assert len(drawing.lines) == 5


def test_a_line_that_passes_a_layer_is_hidden_by_no_box() -> None:
    """At the height of the boxes between, it is beside them, and inside the drawing."""
    jobs = [
        JobState("a", "done"), JobState("b", "done", needs=("a",)),
        JobState("c", "done", needs=("b", "a")),
    ]  # fmt: skip
    drawing = drawn(jobs, {})
    _, between, _ = drawing.boxes
    numbers = [float(each) for each in drawing.lines[2].strip("M").replace("C", " ").split()]
    middle = (numbers[0] + 3 * numbers[2] + 3 * numbers[4] + numbers[6]) / 8
    assert between.x + WIDTH < middle < drawing.width


def test_the_page_shows_texts_as_texts_and_links_to_the_results() -> None:
    page = render("flow.html", flow_page("ctr", JOBS, {"fit": "fit/report.html"}, {"day": "<i>"}))
    assert "&lt;b&gt;no&lt;/b&gt; &amp; more" in page
    assert "<dd>&lt;i&gt;</dd>" in page
    assert page.count('href="fit/report.html"') == 2
    svg = page[page.index("<svg") : page.index("</svg>") + len("</svg>")]
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert [each.get("class") for each in root.iter("g")] == [
        "job unchanged", "job done", "job failed", "job blocked",
    ]  # fmt: skip
