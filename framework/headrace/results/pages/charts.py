"""Charts as SVG that takes its colours, fonts and dark scheme from the page around it.

pygal lays them out. Its own style sheet, script, legend and tooltips are left out: the page has a
style sheet, a legend is HTML beside the chart, and the browser shows the text of ``<title>``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pygal
from markupsafe import Markup
from pygal.style import Style

from headrace.results.pages import figures
from headrace.results.pages.figures import visible

# For maps that nobody draws here, pygal adds a finder that no Python after 3.11 can ask.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

MOST_SERIES = 8
"""Series that colours and dashes tell apart."""
WIDE, NARROW = (920, 300), (450, 300)

_FONT = 12
_DENSE = 60
_DROPPED = ("defs", "desc", "script", "style")
_EXTRA = frozenset(("tooltip", "background"))
"""Classes of a tooltip's box, and of backgrounds, which the page draws itself."""
_NUMBERS = frozenset(("d", "x", "y", "cx", "cy", "width", "height"))
_UNUSED = frozenset(("class", "style", "id", "rx", "ry"))
_UNUSED_CLASSES = ("reactive", "tooltip-trigger", "left", "top", "always_show", "major")
_STEPS = (1, 2, 2.5, 5, 10)
_FEWEST = 4
_RESOLUTION = 1e-9
"""Numbers that differ by less, in relation to their size, are one on an axis,"""
_LEAST = 1e-300
"""and so are those that differ by less than this."""


@dataclass(frozen=True)
class Series:
    """The values that are drawn in one colour.

    Attributes:
        name: Text of the legend.
        points: Position of each mark, (x, y); of a bar, x is its number.
        titles: Text of each mark when it is pointed at.
        intervals: Ends of each mark's error bar; None for a mark without one. All series of a
            chart have them, or none.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    titles: Sequence[str]
    intervals: Sequence[tuple[float, float] | None] = ()


@dataclass(frozen=True)
class Axes:
    """The layout of a chart.

    Attributes:
        title: Description for those who cannot see the chart.
        x, y: Titles of the axes, with the unit.
        x_marks: Positions of the marks of the x axis, and their texts.
        y_scale: Factor for the texts of the y axis's marks, as 100 for percent.
        from_zero: Whether the y axis begins at 0.
        x_range: Beginning and end of the x axis; default: the range of the points and a margin.
        size: Width and height in pixels where there is room.
    """

    title: str
    x: str
    y: str
    x_marks: Sequence[tuple[float, str]]
    y_scale: float = 1
    from_zero: bool = False
    x_range: tuple[float, float] | None = None
    size: tuple[int, int] = WIDE


@dataclass(frozen=True)
class Chart:
    """A drawn chart and its legend."""

    svg: Markup
    legend: tuple[str, ...]
    kind: str
    is_wide: bool
    is_dense: bool
    """True: dots would hide their lines."""
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Name of each series, and what each of its marks says."""


class _Quick:
    """Has pygal's state in the chart itself, which is drawn only once.

    pygal looks each attribute up in its state first, by a method of its own, which takes half of
    its time.
    """

    __getattribute__ = object.__getattribute__

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        state = vars(self).get("state")
        if state is not None and name == "state":
            vars(self).update(vars(state), state=state)
        elif state is not None:
            setattr(state, name, value)


class _StackedBars(_Quick, pygal.StackedBar):  # type: ignore[misc] # pygal has no types
    """Has only the text of a bar's title, where pygal makes a tooltip for its script."""

    def _tooltip_and_print_values(self, *given: Any) -> None:
        _, _, bar, _, text, *_ = given
        self.svg.node(bar, "desc", class_="value").text = text


class _Lines(_Quick, pygal.XY):  # type: ignore[misc] # pygal has no types
    pass


def stacked_bars(axes: Axes, series: Sequence[Series]) -> Chart:
    """Draw one bar for each x from 0 on, its series on top of each other."""
    count = len(series[0].points)
    heights = [sum(each.points[index][1] or 0 for each in series) for index in range(count)]
    marks = ticks(0, max(heights))
    texts = dict(axes.x_marks)
    chart = _StackedBars(
        _config(axes, marks),
        x_labels=[texts.get(index, "") for index in range(count)],
        x_labels_major=list(texts.values()),
        show_minor_x_labels=False,
    )
    for each in series:
        chart.add(each.name, [y for _, y in each.points], formatter=_title_of(each))
    return _chart("bars", _svg(chart, axes), axes, series)


def lines(axes: Axes, series: Sequence[Series], *, faint: Series | None = None) -> Chart:
    """Draw a line with dots for each series.

    Args:
        axes: The layout.
        series: At most `MOST_SERIES`.
        faint: A line to compare with, without dots.
    """
    values = [y for each in series for _, y in each.points if y is not None]
    values += [end for each in series for ends in each.intervals if ends for end in ends]
    marks = ticks(0 if axes.from_zero else min(values), max(values))
    chart = _Lines(
        _config(axes, marks),
        x_labels=[{"value": x, "label": text} for x, text in axes.x_marks],
        xrange=axes.x_range or _range([x for each in series for x, _ in each.points]),
        range=(marks[0], marks[-1]),
        allow_interruptions=True,
    )
    for each in series:
        chart.add(each.name, list(each.points), formatter=_title_of(each))
    if faint is not None:
        chart.add(faint.name, list(faint.points), show_dots=False)
    if any(each.intervals for each in series):
        chart.add_xml_filter(_with_intervals(chart, series))
    return _chart("lines", _svg(chart, axes, faint), axes, series)


def ticks(low: float, high: float) -> list[float]:
    """Return four to eight round numbers, evenly apart, from at most `low` to at least `high`."""
    if high - low <= max(_RESOLUTION * max(abs(low), abs(high)), _LEAST):
        around = max(abs(low), abs(high)) / 10
        around = around if around > _LEAST else 1.0
        low, high = low - around, high + around
    least = (high - low) / _FEWEST
    unit = 10.0 ** math.floor(math.log10(least))
    step = max(step * unit for step in _STEPS if step * unit <= least * (1 + 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{multiple * step:.12g}") for multiple in range(first, last + 1)]


def _chart(kind: str, svg: Markup, axes: Axes, series: Sequence[Series]) -> Chart:
    is_dense = any(len(each.points) > _DENSE for each in series)
    names = tuple(each.name for each in series)
    values = tuple((each.name, tuple(_said(each))) for each in series)
    return Chart(svg, names, kind, axes.size == WIDE, is_dense, values)


def _said(series: Series) -> Iterator[str]:
    """Yield the titles of the marks that are drawn."""
    for (_, y), title in zip(series.points, series.titles, strict=False):
        if y is not None:
            yield title


def _config(axes: Axes, y_marks: Sequence[float]) -> Any:
    width, height = axes.size
    return pygal.Config(
        width=width,
        height=height,
        margin=6,
        margin_right=18,
        spacing=8,
        style=Style(label_font_size=_FONT, major_label_font_size=_FONT, title_font_size=_FONT),
        css=[],
        js=[],
        show_legend=False,
        x_title=axes.x,
        y_title=axes.y,
        y_labels=[
            {"value": mark, "label": text}
            for mark, text in zip(y_marks, figures.marks(y_marks, axes.y_scale), strict=True)
        ],
        truncate_label=-1,
        dots_size=3.5,
    )


def _with_intervals(chart: Any, series: Sequence[Series]) -> Callable[[Any], Any]:
    """Return what adds the error bars to a drawing; pygal's own do not work with two numbers."""

    def add(root: Any) -> Any:
        dots = [node for node in root.iter("g") if node.get("class") == "dots"]
        ends = [
            ends
            for each in series
            for (_, y), ends in zip(each.points, each.intervals, strict=False)
            if y is not None
        ]
        for node, interval in zip(dots, ends, strict=False):
            low, high = (chart.view.y(end) for end in interval or (0.0, 0.0))
            if interval:
                x = node[0].get("cx")
                chart.svg.node(node, "path", d=f"M{x} {low} L{x} {high}", class_="interval")
        return root

    return add


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return the range with a margin at both ends, so that no dot is cut."""
    low, high = min(values), max(values)
    room = (high - low) * 0.02 or 0.5
    return low - room, high + room


def _title_of(series: Series) -> Callable[..., str]:
    titles = [visible(title) for title in series.titles]

    def title(value: Any, index: int | None) -> str:
        return "" if index is None else titles[index]

    return title


def _svg(chart: Any, axes: Axes, faint: Series | None = None) -> Markup:
    drawn = chart.render_tree()
    (graph,) = (child for child in drawn if child.get("class", "").startswith("graph"))
    root = ElementTree.Element(
        "svg",
        {"class": "plot-area", "viewBox": drawn.get("viewBox"), "role": "img"},
    )
    root.set("aria-label", visible(axes.title))
    root.extend(_kept(graph))
    for series in root.iter("g") if faint is not None else ():
        if f"serie-{len(chart.raw_series) - 1} " in series.get("class", ""):
            series.set("class", "faint")
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - escaped by it


def _kept(parent: Any) -> Iterator[ElementTree.Element]:
    """Return what is drawn: no empty groups, and the marks' descriptions as titles."""
    for child in parent:
        tag, classes = child.tag, child.get("class", "").split()
        if tag in _DROPPED or not isinstance(tag, str) or not _EXTRA.isdisjoint(classes):
            continue
        kept = ElementTree.Element(tag, _attributes(child, classes))
        kept.text = child.text
        if tag == "g":
            value = next((each.text for each in child if each.get("class") == "value"), None)
            if value is not None:
                ElementTree.SubElement(kept, "title").text = value
        kept.extend(_kept(child))
        if len(kept) or tag != "g":
            yield kept


def _attributes(node: Any, classes: Sequence[str]) -> dict[str, str]:
    """Return them rounded to a tenth of a pixel, without styles, which the policy forbids."""
    kept = {
        str(key): _rounded(value) if key in _NUMBERS else value
        for key, value in node.attrib.items()
        if key not in _UNUSED
    }
    classes = [each for each in classes if each not in _UNUSED_CLASSES]
    return {**kept, "class": " ".join(classes)} if classes else kept


def _rounded(numbers: str) -> str:
    return " ".join(_shorter(each) for each in numbers.replace("L", "L ").split())


def _shorter(text: str) -> str:
    letter = text[0] if text[:1].isalpha() else ""
    number = text[len(letter) :]
    return f"{letter}{float(number):.1f}".removesuffix(".0") if number else letter
