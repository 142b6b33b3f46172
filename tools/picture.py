"""``docs/assets/overview.svg``: one configuration becomes one job, which runs in three places."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 960, 300
STYLE = """
  text { font: 15px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .file { font: 13px ui-monospace, monospace; fill: #59636e; }
  rect { fill: #f6f8fa; stroke: #818b98; }
  .job { fill: #ddf4ff; stroke: #0969da; }
  path { stroke: #59636e; fill: none; stroke-width: 1.5; marker-end: url(#tip); }
  .tip { fill: #59636e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .file { fill: #b5bcc4; } rect { fill: #212830; stroke: #9198a1; }
    .job { fill: #0c2d6b; stroke: #4493f8; } path { stroke: #b5bcc4; } .tip { fill: #b5bcc4; }
  }
"""


@dataclass(frozen=True)
class Box:
    """A box with a title and lines of text below it."""

    left: int
    top: int
    width: int
    height: int
    title: str
    lines: tuple[str, ...]
    kind: str = ""

    def svg(self) -> str:
        """Return the box and its text."""
        parts = [
            f'<rect class="{self.kind}" x="{self.left}" y="{self.top}" width="{self.width}" '
            f'height="{self.height}" rx="8"/>'
        ]
        down = self.top + (self.height - 22 * len(self.lines)) // 2 + 5
        for row, line in enumerate((self.title, *self.lines)):
            style = "file" if row else "title"
            parts.append(
                f'<text class="{style}" x="{self.left + self.width // 2}" y="{down + 22 * row}" '
                f'text-anchor="middle">{escape(line)}</text>'
            )
        return "\n".join(parts)


CONF = Box(20, 85, 190, 130, "Configuration", ("conf/*.yaml", "key=value", "checked as a whole"))
JOB = Box(270, 85, 190, 130, "One job", ("request.json", "code/entry.pyz", "plain data"), "job")
TARGETS = (
    Box(520, 20, 190, 74, "This machine", ("target=local",)),
    Box(520, 113, 190, 74, "A container", ("target=container",)),
    Box(520, 206, 190, 74, "SageMaker", ("target=aws",)),
)
RESULT = Box(
    770, 85, 170, 130, "One result", ("train/ validation/", "report.html", "manifest.json, last")
)


def picture() -> str:
    """Return the SVG, which follows the light or dark scheme of its reader."""
    boxes = (CONF, JOB, *TARGETS, RESULT)
    arrows = [
        (CONF, JOB),
        *((JOB, each) for each in TARGETS),
        *((each, RESULT) for each in TARGETS),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            "<title>One configuration becomes one job, which runs on this machine, in a container "
            "or on SageMaker, and leaves the same result</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><polygon class="tip" points="0,0 8,4 0,8"/></marker>',
            "</defs>",
            *(_arrow(source, target) for source, target in arrows),
            *(box.svg() for box in boxes),
            "</svg>",
            "",
        ]
    )


def _arrow(source: Box, target: Box) -> str:
    start, end = source.left + source.width, target.left - 3
    up, down = source.top + source.height // 2, target.top + target.height // 2
    middle = (start + end) // 2
    return f'<path d="M{start},{up} C{middle},{up} {middle},{down} {end},{down}"/>'
