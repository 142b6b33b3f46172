from __future__ import annotations

from typing import Any

import pytest

from headrace.errors import JobFailed
from headrace.images.messages import watched
from headrace.terminal.progress import Shown


class Seen:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def show(self, state: Shown) -> None:
        assert self.is_open
        if [str(state)] != self.texts[-1:]:
            self.texts.append(str(state))

    def close(self) -> None:
        self.is_open = False


STEPS = [
    {"stream": "Step 1/2 : FROM base AS packages"},
    {"stream": "\n"},
    {"stream": " ---> a78004ed96a1\n"},
    {"stream": "Step 2/2 : RUN set -eu; false"},
    {"stream": "\n ---> Running in 7172817e87f5\n"},
    {"stream": "there is no such thing\n"},
]


def test_the_steps_of_a_build() -> None:
    view = Seen()
    results = watched([*STEPS, {"aux": {"ID": "sha256:1"}}], "building x:1", view)
    assert view.texts == [
        "building x:1",
        "building x:1: step 1 of 2, FROM",
        "building x:1: step 2 of 2, RUN",
    ]
    assert results == [{"ID": "sha256:1"}]
    assert not view.is_open


def test_a_step_that_fails() -> None:
    """Its command has been shown as a step; once more it would only push the reason away."""
    view = Seen()
    error = "The command '/bin/sh -c set -eu;\n false' returned a non-zero code: 3"
    with pytest.raises(JobFailed) as caught:
        watched([*STEPS, {"errorDetail": {}, "error": error}], "building x:1", view)
    assert str(caught.value).splitlines() == [
        "Step 1/2 : FROM base AS packages",
        "Step 2/2 : RUN set -eu; false",
        "there is no such thing",
        "building x:1: step 2 of 2, RUN ended with status 3",
    ]
    assert not view.is_open


def test_any_other_error() -> None:
    with pytest.raises(JobFailed) as caught:
        watched([{"error": "denied: no such repository\n"}], "pushing x:1", Seen())
    assert str(caught.value) == "pushing x:1: denied: no such repository"


def pushing(layer: str, done: int, of: int) -> dict[str, Any]:
    return {"status": "Pushing", "progressDetail": {"current": done, "total": of}, "id": layer}


def test_the_layers_of_a_push() -> None:
    """Those that the registry has already do not count."""
    view = Seen()
    digest = {"Tag": "1", "Digest": "sha256:2", "Size": 3}
    messages: list[dict[str, Any]] = [
        {"status": "The push refers to repository [x]"},
        {"status": "Preparing", "progressDetail": {}, "id": "aa"},
        {"status": "Layer already exists", "progressDetail": {}, "id": "bb"},
        pushing("aa", 512, 2_000_000),
        pushing("aa", 2_100_000, 2_000_000),
        pushing("cc", 500_000, 1_000_000),
        {"status": "Pushed", "progressDetail": {}, "id": "cc"},
        {"aux": digest},
    ]
    assert watched(messages, "pushing x:1", view) == [digest]
    assert view.texts == [
        "pushing x:1",
        "pushing x:1, 512 B of 2 MB",
        "pushing x:1, 2 MB of 2 MB",
        "pushing x:1, 2.5 MB of 3 MB",
        "pushing x:1, 3 MB of 3 MB",
    ]
