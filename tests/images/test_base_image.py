from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.errors import ConfigError
from headrace.images.base_image import look_at


class Container:
    def __init__(self, said: object) -> None:
        self._said = json.dumps(said).encode()
        self.is_removed = False

    def start(self) -> None:
        pass

    def wait(self) -> None:
        pass

    def logs(self, **_: bool) -> bytes:
        return self._said

    def remove(self, *, force: bool) -> None:
        self.is_removed = force


class Engine:
    """Has every image; its containers print what they are told to."""

    def __init__(self, said: object) -> None:
        self.container = Container(said)
        self.asked: dict[str, Any] = {}

    @property
    def images(self) -> Engine:
        return self

    containers = images

    def get(self, name: str) -> Engine:
        return self

    def create(self, name: str, command: list[str], **options: Any) -> Container:
        self.asked = options
        return self.container


def test_what_wheels_fit() -> None:
    engine = Engine([[3, 12], "aarch64", ["glibc", "2.19"]])
    base = look_at(engine, "base:1", None)
    assert base.name == "base:1"
    assert base.python == "3.12"
    assert base.platforms == (
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    )
    assert engine.container.is_removed
    assert engine.asked["network_disabled"] is True


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            [[3, 10], "x86_64", ["glibc", "2.35"]],
            "'base:1' has Python 3.10; the job needs Python 3.11 or newer",
        ),
        (
            [[3, 12], "x86_64", ["", ""]],
            "'base:1' has no glibc, which the packages' wheels need",
        ),
    ],
    ids=["an old Python", "another libc"],
)
def test_a_base_image_that_does_not_do(said: object, problem: str) -> None:
    engine = Engine(said)
    with pytest.raises(ConfigError) as caught:
        look_at(engine, "base:1", None)
    assert str(caught.value) == (
        f"1 problem in the configuration:\n  backend.base_image: {problem}"
    )
    assert engine.container.is_removed
