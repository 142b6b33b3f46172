"""The page of a flow: its jobs as a graph in layers, and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from headrace.results.pages import figures
from headrace.results.pages.run_page import Tile

WIDTH, HEIGHT = 190, 64
"""Size of a job's box."""
GAP_X, GAP_Y = 34, 56
MARGIN = 12
BOW = 160
"""Distance that the ends of a line are drawn aside that passes a layer, so that no box hides it."""
SHOWN = 22
"""Characters of a line in a box."""


class Shown(Protocol):
    """A job as the page shows it."""

    @property
    def label(self) -> str:
        """Return its label."""

    @property
    def state(self) -> str:
        """Return how it stands."""

    @property
    def why(self) -> str:
        """Return the reason for that; empty if there is nothing to say."""

    @property
    def kind(self) -> str:
        """Return what runs."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the jobs that it needs."""

    @property
    def rows(self) -> int | None:
        """Return the rows of its result."""

    @property
    def seconds(self) -> float | None:
        """Return how long it took."""


@dataclass(frozen=True)
class Box:
    """A job in the drawing."""

    label: str
    lines: tuple[str, ...]
    state: str
    hint: str
    link: str
    x: float
    y: float


@dataclass(frozen=True)
class Drawing:
    """The graph: boxes, and the paths of the lines between them."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]


def flow_page(
    name: str, jobs: Sequence[Shown], links: Mapping[str, str], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything that ``flow.html`` needs.

    Args:
        name: Of the flow.
        jobs: Each behind all that it needs.
        links: Label → address of its page, for those that have one.
        facts: What else is told at the head of the page: name → value.
    """
    return {
        "title": name,
        "facts": [(key, str(value)) for key, value in facts.items()],
        "tiles": list(_tiles(jobs)),
        "drawing": drawn(jobs, links),
        "jobs": jobs,
        "links": {job.label: links.get(job.label, "") for job in jobs},
    }


def drawn(jobs: Sequence[Shown], links: Mapping[str, str]) -> Drawing:
    """Return the graph: a layer is as deep as the longest way to it, every line leads downwards."""
    layers = layered({job.label: job.needs for job in jobs})
    by_label = {job.label: job for job in jobs}
    widest = max(map(len, layers), default=0)
    layer_of = {label: index for index, labels in enumerate(layers) for label in labels}
    passes = any(layer_of[job.label] - layer_of[each] > 1 for job in jobs for each in job.needs)
    edge = MARGIN + (GAP_X if passes else 0)
    width = 2 * edge + widest * WIDTH + max(widest - 1, 0) * GAP_X
    boxes: dict[str, Box] = {}
    for depth, labels in enumerate(layers):
        row = len(labels) * WIDTH + (len(labels) - 1) * GAP_X
        for index, label in enumerate(labels):
            x = (width - row) / 2 + index * (WIDTH + GAP_X)
            y = MARGIN + depth * (HEIGHT + GAP_Y)
            boxes[label] = _box(by_label[label], links.get(label, ""), x, y)
    height = 2 * MARGIN + len(layers) * HEIGHT + max(len(layers) - 1, 0) * GAP_Y
    lines = [_line(boxes[each], boxes[job.label]) for job in jobs for each in job.needs]
    return Drawing(width, height, tuple(boxes[job.label] for job in jobs), tuple(lines))


def layered(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return labels in layers: each below all that it needs, near the middle of these.

    Args:
        needs: Label → what it needs, which stands before it.
    """
    depth: dict[str, int] = {}
    for label, needed in needs.items():
        depth[label] = max((depth[each] + 1 for each in needed), default=0)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    position: dict[str, float] = {}
    for layer, labels in enumerate(layers):
        here = [label for label in needs if depth[label] == layer]
        middle = {label: _middle([position[each] for each in needs[label]]) for label in here}
        labels += sorted(here, key=lambda label: middle[label])
        for index, label in enumerate(labels):
            position[label] = index - (len(labels) - 1) / 2
    return layers


def _middle(positions: Sequence[float]) -> float:
    return sum(positions) / len(positions) if positions else 0.0


def _box(job: Shown, link: str, x: float, y: float) -> Box:
    measured = [figures.count(job.rows) + " rows"] if job.rows is not None else []
    measured += [figures.seconds(job.seconds)] if job.seconds is not None else []
    second = ", ".join([job.state, *measured])
    hint = ": ".join(filter(None, (job.label, job.why or job.state)))
    lines = (_cut(job.label), _cut(second, SHOWN + 6), _cut(job.kind, SHOWN + 6))
    return Box(job.label, lines, job.state.replace(" ", "-"), hint, link, x, y)


def _cut(text: str, most: int = SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _line(upper: Box, lower: Box) -> str:
    """Return the path of a line from the lower edge of a box to the upper edge of another."""
    x1, y1 = upper.x + WIDTH / 2, upper.y + HEIGHT
    x2, y2 = lower.x + WIDTH / 2, lower.y
    if y2 - y1 > HEIGHT + GAP_Y:
        return (
            f"M{x1:g} {y1:g}C{x1 + BOW:g} {y1 + GAP_Y:g} {x2 + BOW:g} {y2 - GAP_Y:g} {x2:g} {y2:g}"
        )
    bend = (y2 - y1) / 2
    return f"M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"


def _tiles(jobs: Sequence[Shown]) -> Iterator[Tile]:
    yield Tile("jobs", figures.count(len(jobs)))
    for state in dict.fromkeys(job.state for job in jobs):
        yield Tile(state, figures.count(sum(job.state == state for job in jobs)))
    if any(job.seconds is not None for job in jobs):
        yield Tile("time of the jobs", figures.seconds(sum(job.seconds or 0 for job in jobs)))
