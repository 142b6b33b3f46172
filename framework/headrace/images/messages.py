"""Show the engine's messages while it pulls, builds or pushes; keep them for errors.

The messages: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageBuild
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from headrace.errors import JobFailed
from headrace.terminal.progress import View, WithView, default_view
from headrace.terminal.units import size

LAST_LINES = 20
_COMMAND = re.compile(r"The command '.*' returned a non-zero code: (\d+)", re.DOTALL)
_NOISE = re.compile(r"Removing intermediate container| ?---> ")
_STEP = re.compile(r"Step (\d+)/(\d+) : (\w+)")
_MOVING = {"Downloading", "Pushing", "Extracting"}
_THERE = {"Pull complete", "Already exists", "Pushed", "Layer already exists"}


@dataclass(frozen=True)
class Work:
    """Progress of one operation."""

    text: str
    bytes: int = 0
    of: int | None = None

    def __str__(self) -> str:
        if self.of is None:
            return self.text
        return f"{self.text}, {size(self.bytes)} of {size(self.of)}"


def watched(
    messages: Iterable[dict[str, Any]], title: str, view: View | None = None
) -> list[dict[str, Any]]:
    """Show the messages of one operation until it has ended.

    Args:
        messages: The engine's, decoded.
        title: What is being done, as in ``pushing name:tag``.
        view: Who shows it; default: as stderr allows.

    Returns:
        The results that the engine told: the dictionaries called ``aux``.

    Raises:
        JobFailed: The engine reported an error; with the last lines before it.
    """
    told = _Told(title)
    with shown(title, view) as view:
        for message in messages:
            told.take(message)  # also what follows an error: the connection is free after that
            view.show(told.work())
    if told.error:
        raise JobFailed(told.error)
    return told.results


@contextmanager
def shown(title: str, view: View | None = None) -> Iterator[View]:
    """Show that an operation is in progress.

    Args:
        title: What.
        view: Who shows it; default: as stderr allows.
    """
    view = view or default_view()
    with WithView(view):
        view.show(Work(title))
        yield view


class _Told:
    """All messages so far."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._step = ""
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._layers: dict[str, tuple[int, int]] = {}
        self.error = ""
        self.results: list[dict[str, Any]] = []

    def take(self, message: dict[str, Any]) -> None:
        if "error" in message:
            self.error = "\n".join([*self._lines, f"{self._title}: {self._why(message)}"])
        if "aux" in message:
            self.results.append(message["aux"])
        if text := message.get("stream", "").strip():
            self._lines.extend(line for line in text.splitlines() if not _NOISE.match(line))
            step = _STEP.match(text)
            self._step = f"step {step[1]} of {step[2]}, {step[3]}" if step else self._step
        if "id" in message:
            self._layer(message["id"], message.get("status"), message.get("progressDetail") or {})

    def _why(self, message: dict[str, Any]) -> str:
        """Return the error; for a failed step, its number instead of the whole command."""
        said = str(message["error"]).strip()
        failed = _COMMAND.fullmatch(said)
        return f"{self._step} ended with status {failed[1]}" if failed else said

    def _layer(self, name: str, status: str | None, detail: dict[str, Any]) -> None:
        if status in _MOVING and "total" in detail:
            of = detail["total"]
            self._layers[name] = (min(detail["current"], of), of)
        elif status in _THERE and name in self._layers:
            _, of = self._layers[name]
            self._layers[name] = (of, of)

    def work(self) -> Work:
        if of := sum(of for _, of in self._layers.values()):
            return Work(self._title, sum(done for done, _ in self._layers.values()), of)
        return Work(f"{self._title}: {self._step}" if self._step else self._title)
