"""Parallel coordinates: an axis for each swept key and each measure, a line for each run.

The axes lie below each other, so that a phone shows all of them.

A. Inselberg: The Plane with Parallel Coordinates, The Visual Computer 1, 1985.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from markupsafe import Markup

from headrace.results.pages.figures import NONE, visible
from headrace.results.pages.sweep.drawings import LEVELS, Sweep
from headrace.results.pages.sweep.keys import Key
from headrace.results.pages.sweep.runs import Finished, Measure

WIDTH, STEP = 480, 64
TOP, BOTTOM = 26, 26
SIDE = 16
_MOST_MARKS = 4
_LONGEST, _LONGEST_OF_TWO = 14, 26
"""Characters of a text at an axis, of one with two marks or fewer."""


@dataclass(frozen=True)
class Parallel:
    """The drawing, its width where there is room, and what the shades stand for."""

    svg: Markup
    by: str
    has_taken: bool


@dataclass(frozen=True)
class _Axis:
    title: str
    marks: tuple[tuple[float, str], ...]
    """Position from 0, the lower end, to 1; text."""
    positions: Mapping[int, float]
    """Number of a run → its position."""


def parallel(sweep: Sweep) -> Parallel | None:
    """Draw all finished runs; None where there are fewer than two axes.

    The lines are shaded by their rank in the first of the measures, the most important one.
    """
    axes = [_of_key(key, sweep.runs) for key in sweep.keys]
    axes += [_of_measure(measure, sweep.runs) for measure in sweep.measures]
    if len(axes) < 2 or not sweep.runs:
        return None
    height = TOP + (len(axes) - 1) * STEP + BOTTOM
    svg = ElementTree.Element(
        "svg",
        {
            "class": "plot-area parallel",
            "viewBox": f"0 0 {WIDTH} {height}",
            "role": "img",
            "aria-label": f"Each run as a line over {', '.join(each.title for each in axes)}; "
            "the table of runs says the same",
        },
    )
    first = sweep.measures[0] if sweep.measures else None
    order = _in_order(sweep, first)
    for index, run in enumerate(order):
        part = (index + 1) * (LEVELS - 1) // len(order)
        is_taken = run.number == sweep.advice.taken
        _line(svg, run, axes, "run taken" if is_taken else f"run level-{part}")
    for index, axis in enumerate(axes):
        _axis(svg, TOP + index * STEP, axis)
    text = ElementTree.tostring(svg, encoding="unicode")
    taken = any(run.number == sweep.advice.taken for run in sweep.runs)
    return Parallel(Markup(text), first.short if first else "", taken)  # noqa: S704 - escaped by it


def _of_key(key: Key, runs: Sequence[Finished]) -> _Axis:
    low, high = key.position(key.texts[0]), key.position(key.texts[-1])
    marks = key.marks() if key.is_number else [(key.position(each), each) for each in key.texts]
    marks = [mark for mark in marks if low <= mark[0] <= high]
    step = -(-len(marks) // _MOST_MARKS)
    return _Axis(
        key.short,
        tuple((_part(at, low, high), text or NONE) for at, text in marks[::step]),
        {run.number: _part(key.position(run.settings[key.name]), low, high) for run in runs},
    )


def _of_measure(measure: Measure, runs: Sequence[Finished]) -> _Axis:
    values = {run.number: value for run in runs if (value := measure.of(run)) is not None}
    low, high = min(values.values()), max(values.values())
    return _Axis(
        measure.short,
        ((0.0, measure.shown(low)), (1.0, measure.shown(high))),
        {number: _part(value, low, high) for number, value in values.items()},
    )


def _part(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _in_order(sweep: Sweep, first: Measure | None) -> list[Finished]:
    """Return the runs, the best last, so that its line lies on top; the advised one above it."""
    sign = 1 if first is not None and first.best is max else -1

    def rank(run: Finished) -> tuple[bool, bool, float]:
        value = first.of(run) if first else None
        return run.number == sweep.advice.taken, value is not None, sign * (value or 0)

    return sorted(sweep.runs, key=rank)


def _line(parent: ElementTree.Element, run: Finished, axes: Sequence[_Axis], kind: str) -> None:
    points = [
        (_x(axis.positions[run.number]), TOP + index * STEP)
        for index, axis in enumerate(axes)
        if run.number in axis.positions
    ]
    group = ElementTree.SubElement(parent, "g", {"class": kind})
    ElementTree.SubElement(group, "title").text = visible(f"run {run.number}: {run.named()}", 300)
    path = "L".join(f"{x:.1f} {y:g}" for x, y in points)
    ElementTree.SubElement(group, "path", {"d": f"M{path}"})
    for x, y in points:
        ElementTree.SubElement(group, "circle", {"cx": f"{x:.1f}", "cy": f"{y:g}", "r": "2.5"})


def _axis(parent: ElementTree.Element, y: int, axis: _Axis) -> None:
    group = ElementTree.SubElement(parent, "g", {"class": "coordinate"})
    ElementTree.SubElement(group, "path", {"d": f"M{SIDE} {y}H{WIDTH - SIDE}"})
    _text(group, 0, y - 11, axis.title, "name start", _LONGEST_OF_TWO)
    longest = _LONGEST if len(axis.marks) > 2 else _LONGEST_OF_TWO
    for position, text in axis.marks:
        end = "start" if position < 0.05 else "end" if position > 0.95 else ""
        x = 0 if end == "start" else WIDTH if end == "end" else _x(position)
        _text(group, x, y + 17, text, end, longest)


def _text(
    parent: ElementTree.Element, x: float, y: float, text: str, kind: str, longest: int
) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}"} | ({"class": kind} if kind else {})
    node = ElementTree.SubElement(parent, "text", attributes)
    cut = visible(text)
    node.text = cut if len(cut) <= longest else f"{cut[: longest - 1]}…"


def _x(position: float) -> float:
    return SIDE + position * (WIDTH - 2 * SIDE)
