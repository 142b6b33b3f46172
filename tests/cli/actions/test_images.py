"""``action=build`` and ``action=push`` as far as they get without a Docker engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from headrace.cli import actions
from headrace.cli.actions import build
from headrace.config import registry
from headrace.config.compose import compose
from headrace.config.models import JobConfig
from headrace.errors import ConfigError
from headrace.images.build import Built
from tests.conftest import Completed

Composer = Callable[..., DictConfig]
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.mark.parametrize("action", ["build", "push"])
def test_awss_own_image(action: str, composed: Composer) -> None:
    with pytest.raises(ConfigError) as caught:
        actions.perform(compose(composed("backend=sklearn", f"action={action}")))
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  backend: AWS provides the image of backend=sklearn, so there is none to build or push; "
        "allowed: script, processor"
    )


def test_a_push_to_nowhere(composed: Composer) -> None:
    with pytest.raises(ConfigError) as caught:
        actions.perform(compose(composed("backend=script", "action=push")))
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  action: push needs a registry: set target=aws for the account's own, or "
        "backend.image_uri"
    )


@pytest.mark.parametrize(
    "command",
    [
        ("backend=script", "action=build"),
        ("backend=processor", "action=build", "target=aws"),
        ("backend=script", "action=push", "backend.image_uri=registry.example/x:1"),
    ],
    ids=["build", "build for AWS", "push"],
)
def test_no_engine(command: tuple[str, ...], headrace: Callable[..., Completed]) -> None:
    done = headrace(*command, environment=NO_ENGINE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "no Docker engine answers at unix:///nowhere/docker.sock (No such file or directory); "
        "start one or set DOCKER_HOST\n"
    )


def test_what_is_baked_in(
    composed: Composer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runtime half and every plugin; nothing of the client half, nothing for scripts."""
    seen = []

    def pretend(config: JobConfig, code: dict[str, str], _: str | None) -> Built:
        seen.append(code)
        return Built("name:1", "sha256:0", 400_000_000)

    monkeypatch.setattr(build, "build", pretend)
    for backend in ("script", "processor"):
        actions.perform(compose(composed(f"backend={backend}", "action=build")))
    script, processor = seen
    assert script == {}
    assert {name for name in processor if name.startswith("transforms/")} == {
        "transforms/__init__.py",
        *(f"transforms/{name}.py" for name in registry.plugins()),
    }
    client_half = [
        name
        for name in processor
        if name.startswith("headrace/") and not name.startswith("headrace/runtime/")
    ]
    assert client_half == ["headrace/__init__.py"]
    assert "headrace/runtime/__main__.py" in processor
    line = "image    name:1\nid       sha256:0\nsize     400 MB\n"
    assert capsys.readouterr().out == line * 2
