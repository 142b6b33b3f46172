"""The pages as a person sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import PHONE, ZOOMED, Opened
from tests.results.pages.samples import HOSTILE

pytestmark = pytest.mark.browser

PAGES = ("run_page", "sweep_page")
ALL_PAGES = (*PAGES, "search_page", "script_page", "flow_page", "compare_page")
CONTRAST = """() => {
  // WCAG 2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
  const light = (color) => {
    const [red, green, blue] = color.match(/[\\d.]+/g).map(Number).map((part) => {
      part /= 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if (!color.endsWith(", 0)")) return color;
    }
  };
  const ratio = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  const found = [];
  const compare = (element, property, least) => {
    const color = getComputedStyle(element)[property];
    const has = ratio(light(color), light(behind(element)));
    if (has < least) found.push(`${element.outerHTML.slice(0, 80)}: ${has.toFixed(2)}`);
  };
  const texts = "h1, h2, p, dt, dd, th, td, li, figcaption, button, summary, .mark, footer";
  for (const element of document.querySelectorAll(texts)) compare(element, "color", 4.5);
  for (const element of document.querySelectorAll(".plot-area text")) compare(element, "fill", 4.5);
  for (const element of document.querySelectorAll(".rect, .dot")) compare(element, "fill", 3);
  return found;
}"""

OPEN = "all => all.forEach(each => each.open = true)"
STRAY = """([...document.querySelectorAll("body *")]
  .filter(each => !each.closest(".scroll, .hidden"))
  .filter(each => each.getBoundingClientRect().right > innerWidth + 1)
  .map(each => each.outerHTML.slice(0, 60)))"""


@pytest.fixture(params=PAGES)
def file(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


@pytest.fixture(params=ALL_PAGES)
def any_file(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_has_no_objection(opened: Opened, any_file: Path, dark: bool) -> None:
    page = opened(any_file, dark=dark)
    page.eval_on_selector_all("details", OPEN)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:99] for node in each["nodes"]]) for each in found] == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    opened: Opened, any_file: Path
) -> None:
    page = opened(any_file)
    page.eval_on_selector_all("details", OPEN)
    to_reach = "a[href], button, summary, [tabindex='0']"
    count = page.locator(to_reach).count()
    assert count
    for _ in range(count):
        page.keyboard.press("Tab")
        page.evaluate("document.activeElement.dataset.reached = ''")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        where = page.evaluate("document.activeElement.outerHTML.slice(0, 99)")
        assert page.evaluate(outline) == "solid", where
    assert page.locator("[data-reached]").count() == count


def test_a_summary_opens_with_the_keyboard(opened: Opened, script_page: Path) -> None:
    page = opened(script_page)
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1


def test_nothing_scrolls_sideways_at_twice_the_size(opened: Opened, any_file: Path) -> None:
    page = opened(any_file, zoomed=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]
    assert page.evaluate(STRAY) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everything_stands_out_from_what_is_behind_it(
    opened: Opened, file: Path, dark: bool
) -> None:
    assert opened(file, dark=dark).evaluate(CONTRAST) == []


def test_the_schemes_differ(opened: Opened, file: Path) -> None:
    look = "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color"
    assert opened(file).evaluate(look) != opened(file, dark=True).evaluate(look)


@pytest.mark.parametrize(("name", "charts", "marks"), [("run_page", 5, 255), ("sweep_page", 1, 20)])
def test_charts_are_drawn(
    opened: Opened, request: pytest.FixtureRequest, name: str, charts: int, marks: int
) -> None:
    page = opened(request.getfixturevalue(name))
    boxes = page.eval_on_selector_all(
        ".plot-area", "all => all.map(each => each.getBBox()).map(box => [box.width, box.height])"
    )
    assert len(boxes) == charts
    assert all(width > 300 and height > 150 for width, height in boxes), boxes
    drawn = page.eval_on_selector_all(
        ".plot-area .rect, .plot-area .dot",
        "all => all.filter(each => each.getBoundingClientRect().width > 0).length",
    )
    assert drawn == marks
    assert all(page.eval_on_selector_all(".plot-area", "all => all.map(e => e.ariaLabel)"))


def test_a_mark_has_the_colour_of_its_series(opened: Opened, run_page: Path) -> None:
    page = opened(run_page)
    other = """all => all.filter(each => getComputedStyle(each).fill !==
      getComputedStyle(each.closest("[class*=color-]")).color).length"""
    assert page.locator(".plot-area .color-1 .rect").count()
    assert page.eval_on_selector_all(".plot-area .rect", other) == 0


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_marks_of_an_axis_do_not_overlap(opened: Opened, file: Path, phone: bool) -> None:
    page = opened(file, phone=phone)
    overlapping = """all => all.flatMap(axis => {
      const boxes = [...axis.querySelectorAll("text")].map(text => text.getBoundingClientRect());
      return boxes.slice(1).filter((box, place) => {
        const before = boxes[place];
        return box.left < before.right && before.left < box.right
          && box.top < before.bottom && before.top < box.bottom;
      });
    }).length"""
    assert page.eval_on_selector_all(".plot-area .axis", overlapping) == 0


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_nothing_of_a_chart_is_cut_off(opened: Opened, file: Path, phone: bool) -> None:
    outside = """all => all.flatMap(svg => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll("text, .rect, .dot")].filter(each => {
        const box = each.getBoundingClientRect();
        return box.left < frame.left - 1 || box.right > frame.right + 1
          || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
      });
    }).map(each => each.textContent)"""
    assert opened(file, phone=phone).eval_on_selector_all(".plot-area", outside) == []


def column(page: Page, place: int) -> list[str]:
    """The cells of the first table that can be sorted."""
    cells = page.locator("table.sortable tbody tr").evaluate_all(
        f"rows => rows.map(row => row.cells[{place}].textContent.trim())"
    )
    return [str(cell) for cell in cells]


def test_a_click_sorts_and_another_turns_it_round(opened: Opened, sweep_page: Path) -> None:
    page = opened(sweep_page)
    head = page.locator("table.sortable th").filter(has_text="n_features")
    head.get_by_role("button").click()
    assert column(page, 1) == [
        text for text in ("256", "4,096", "65,536", "1,048,576", "16,777,216") for _ in "ab"
    ]
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert column(page, 1)[0] == "16,777,216"
    assert head.get_attribute("aria-sort") == "descending"


def test_the_keyboard_sorts_too(opened: Opened, sweep_page: Path) -> None:
    page = opened(sweep_page)
    heads = page.locator("table.sortable th")
    heads.filter(has_text="above the lowest").get_by_role("button").focus()
    for key in ("Shift+Tab", "Enter"):
        page.keyboard.press(key)
    sorted_by = page.locator("[aria-sort]")
    assert sorted_by.count() == 1
    assert sorted_by.inner_text().startswith("log loss")
    losses = [float(text.removeprefix("lowest").strip()) for text in column(page, 3)]
    assert losses == sorted(losses)


def test_texts_are_sorted_as_a_person_would(opened: Opened, run_page: Path) -> None:
    page = opened(run_page)
    page.get_by_role("columnheader", name="column").get_by_role("button").click()
    names = column(page, 0)
    assert names == sorted(names, key=str.lower)
    assert len(names) == 3


def test_strangers_values_do_nothing(opened: Opened, file: Path) -> None:
    page = opened(file)
    assert page.evaluate("document.title") != "stolen"
    assert page.locator("img, i, iframe, script").count() == 1
    assert page.get_by_text(HOSTILE[0]).count() >= 1


def test_a_phone_shows_the_page_without_scrolling_sideways(opened: Opened, any_file: Path) -> None:
    page = opened(any_file, phone=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(STRAY) == []
    boxes = page.locator(".scroll")
    assert all(boxes.nth(place).get_attribute("tabindex") == "0" for place in range(boxes.count()))


def test_it_can_be_printed(opened: Opened, any_file: Path) -> None:
    page = opened(any_file, dark=True)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 690, "height": 990})  # A4 without its margins
    folded = "all => all.filter(e => !e.checkVisibility({contentVisibilityAuto: true})).length"
    assert page.eval_on_selector_all("details > div", folded) == 0
    cut = "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).length"
    assert page.eval_on_selector_all(".scroll", cut) == 0
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    printed = page.pdf(format="A4", print_background=True)
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000


def test_headings_and_tables_are_told_to_those_who_cannot_see(opened: Opened, file: Path) -> None:
    page = opened(file)
    assert page.locator("h1").count() == 1
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(each => each.tagName)")
    assert levels == ["H1"] + ["H2"] * (len(levels) - 1)
    heads = page.locator("thead th")
    assert heads.count() == page.locator('thead th[scope="col"]').count() > 4
    assert page.locator("tbody tr").count() == page.locator('tbody th[scope="row"]').count()
    assert page.evaluate("document.documentElement.lang") == "en"
